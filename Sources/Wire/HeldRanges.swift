/// A set of sequences of one epoch, stored as sorted, disjoint ranges; adjacent ranges are merged.
///
/// A lookup takes logarithmic time in the number of ranges; building and uniting sets takes linear time after one sort. A client chooses the
/// sequences, so no operation may take quadratic time.
package struct HeldRanges: Sendable, Hashable {
    package private(set) var ranges: [ClosedRange<Int64>]

    /// - Parameter ranges: in any order; they may overlap.
    package init(_ ranges: [ClosedRange<Int64>] = []) {
        var sorted = ranges
        if !zip(ranges, ranges.dropFirst()).allSatisfy({ $0.lowerBound <= $1.lowerBound }) { sorted.sort { $0.lowerBound < $1.lowerBound } }
        self.ranges = []
        self.ranges.reserveCapacity(sorted.count)
        for range in sorted { append(range) }
    }

    /// Adds a range that begins no earlier than the last one.
    private mutating func append(_ range: ClosedRange<Int64>) {
        guard let last = ranges.last, range.lowerBound <= last.upperBound || range.lowerBound - 1 == last.upperBound else {
            return ranges.append(range)
        }
        ranges[ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
    }

    /// The highest sequence up to which the set has no gap; 0 if the set does not contain 1.
    package var through: Int64 { ranges.first.flatMap { $0.lowerBound == 1 ? $0.upperBound : nil } ?? 0 }

    /// The ranges above `through`.
    package var above: ArraySlice<ClosedRange<Int64>> { through == 0 ? ranges[...] : ranges.dropFirst() }

    package func contains(_ sequence: Int64) -> Bool {
        let index = firstRange(endingAtOrAfter: sequence)
        return index < ranges.count && ranges[index].contains(sequence)
    }

    package mutating func insert(_ new: ClosedRange<Int64>) {
        let start = firstRange(endingAtOrAfter: new.lowerBound - 1)
        var end = start
        while end < ranges.count, ranges[end].lowerBound <= new.upperBound + 1 { end += 1 }
        var merged = new
        if start < end {
            merged = min(new.lowerBound, ranges[start].lowerBound)...max(new.upperBound, ranges[end - 1].upperBound)
        }
        ranges.replaceSubrange(start..<end, with: [merged])
    }

    package mutating func remove(_ gone: ClosedRange<Int64>) {
        let start = firstRange(endingAtOrAfter: gone.lowerBound)
        var end = start
        while end < ranges.count, ranges[end].lowerBound <= gone.upperBound { end += 1 }
        guard start < end else { return }
        var rest: [ClosedRange<Int64>] = []
        if ranges[start].lowerBound < gone.lowerBound { rest.append(ranges[start].lowerBound...(gone.lowerBound - 1)) }
        if ranges[end - 1].upperBound > gone.upperBound { rest.append((gone.upperBound + 1)...ranges[end - 1].upperBound) }
        ranges.replaceSubrange(start..<end, with: rest)
    }

    package func union(_ other: HeldRanges) -> HeldRanges {
        var both = HeldRanges()
        both.ranges.reserveCapacity(ranges.count + other.ranges.count)
        var (mine, theirs) = (ranges[...], other.ranges[...])
        while let next = mine.first {
            while let range = theirs.first, range.lowerBound < next.lowerBound {
                both.append(range)
                theirs = theirs.dropFirst()
            }
            both.append(next)
            mine = mine.dropFirst()
        }
        for range in theirs { both.append(range) }
        return both
    }

    /// The parts of `range` that are held, in order.
    package func held(in range: ClosedRange<Int64>) -> [ClosedRange<Int64>] {
        ranges[firstRange(endingAtOrAfter: range.lowerBound)...].prefix { $0.lowerBound <= range.upperBound }.map { $0.clamped(to: range) }
    }

    /// The parts of `range` that are not held, in order.
    package func missing(in range: ClosedRange<Int64>) -> [ClosedRange<Int64>] {
        var gaps: [ClosedRange<Int64>] = []
        var next = range.lowerBound
        for held in held(in: range) {
            if held.lowerBound > next { gaps.append(next...(held.lowerBound - 1)) }
            next = held.upperBound + 1
        }
        if next <= range.upperBound { gaps.append(next...range.upperBound) }
        return gaps
    }

    /// The index of the first range that does not end before a sequence; `ranges.count` if all ranges end before it.
    private func firstRange(endingAtOrAfter sequence: Int64) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < sequence { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
