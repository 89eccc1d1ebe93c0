package import Measures

/// Turns the readings of one sensor, as they come, into observations.
///
/// A bin closes with a reading at its very end, when one of a later bin comes, or when `close(before:)` says that its time
/// is over. What comes for a closed bin is counted as late and left out: the log still has it, and the cloud's bins take it in.
package struct Binning: Sendable {
    package let grid: TimeGrid
    package private(set) var open: Bin?
    package private(set) var late: Int64 = 0
    private var closedThrough: Instant?

    package init(grid: TimeGrid, closedThrough: Instant? = nil) {
        self.grid = grid
        self.closedThrough = closedThrough
    }

    /// - Returns: the observations that this reading completes, oldest first: none, one, or with a reading that ends the
    ///   next bin at once, two.
    package mutating func add(_ reading: Reading) -> [Observation] {
        // From a clock that was never set: a clock correction will give its true time.
        guard reading.takenAt >= Instant.earliestPlausible else { return [] }
        let label = grid.label(of: reading.takenAt)
        if let closedThrough, label <= closedThrough {
            late += 1
            return []
        }
        var completed: [Observation] = []
        if let bin = open, bin.validAt != label {
            guard label > bin.validAt else {
                late += 1
                return []
            }
            if let observation = close() { completed.append(observation) }
        }
        var bin = open ?? Bin(validAt: label)
        bin.add(reading)
        open = bin
        if reading.takenAt == label, let observation = close() { completed.append(observation) }
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
