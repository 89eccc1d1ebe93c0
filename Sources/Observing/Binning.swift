package import Measures

/// Converts a stream of one sensor's readings into observations.
///
/// A bin closes when a reading arrives at its exact end, when a reading of a later bin arrives, or when `close(before:)` is called after its end.
/// A reading for a closed bin is counted in `lateCount` and not observed: the log keeps the reading, and the cloud's bins include it.
package struct Binning: Sendable {
    package let grid: TimeGrid
    package private(set) var open: Bin?
    package private(set) var lateCount: Int64 = 0
    private var closedThrough: Instant?

    package init(grid: TimeGrid, closedThrough: Instant? = nil) {
        self.grid = grid
        self.closedThrough = closedThrough
    }

    /// - Returns: the observations that this reading completes, oldest first: none, one, or two. Two if the reading closes the open bin and lies
    ///   at the exact end of its own bin.
    package mutating func add(_ reading: Reading) -> [Observation] {
        // The clock was never set: a clock correction will supply the true time.
        guard reading.takenAt >= Instant.earliestPlausible else { return [] }
        let binEnd = grid.binEnd(of: reading.takenAt)
        if let closedThrough, binEnd <= closedThrough {
            lateCount += 1
            return []
        }
        var completed: [Observation] = []
        if let bin = open, bin.validAt != binEnd {
            guard binEnd > bin.validAt else {
                lateCount += 1
                return []
            }
            if let observation = close() { completed.append(observation) }
        }
        var bin = open ?? Bin(validAt: binEnd)
        bin.add(reading)
        open = bin
        if reading.takenAt == binEnd, let observation = close() { completed.append(observation) }
        return completed
    }

    /// Closes the open bin if it ended before `instant`.
    package mutating func close(before instant: Instant) -> Observation? {
        guard let bin = open, bin.validAt < instant else { return nil }
        return close()
    }

    private mutating func close() -> Observation? {
        guard let bin = open else { return nil }
        open = nil
        closedThrough = bin.validAt
        return bin.observation
    }
}
