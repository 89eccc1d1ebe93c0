/// Which sequences of one epoch are settled: disjoint ranges in order, merged where they touch.
package struct HeldRanges: Sendable, Hashable {
    package private(set) var ranges: [ClosedRange<Int64>]

    package init(_ ranges: [ClosedRange<Int64>] = []) {
        self.ranges = []
        for range in ranges { insert(range) }
    }

    /// The highest sequence up to which nothing is missing; 0 when the first is.
    package var through: Int64 { ranges.first.flatMap { $0.lowerBound == 1 ? $0.upperBound : nil } ?? 0 }

    /// The ranges above `through`.
    package var above: ArraySlice<ClosedRange<Int64>> { through == 0 ? ranges[...] : ranges.dropFirst() }

    package func contains(_ sequence: Int64) -> Bool { ranges.contains { $0.contains(sequence) } }

    package mutating func insert(_ new: ClosedRange<Int64>) {
        let start = ranges.firstIndex { $0.upperBound >= new.lowerBound - 1 } ?? ranges.endIndex
        let end = ranges[start...].firstIndex { $0.lowerBound > new.upperBound + 1 } ?? ranges.endIndex
        var merged = new
        if start < end {
            merged = min(new.lowerBound, ranges[start].lowerBound)...max(new.upperBound, ranges[end - 1].upperBound)
        }
        ranges.replaceSubrange(start..<end, with: [merged])
    }

    package mutating func remove(_ gone: ClosedRange<Int64>) {
        ranges = ranges.flatMap { range -> [ClosedRange<Int64>] in
            guard range.overlaps(gone) else { return [range] }
            var rest: [ClosedRange<Int64>] = []
            if range.lowerBound < gone.lowerBound { rest.append(range.lowerBound...(gone.lowerBound - 1)) }
            if range.upperBound > gone.upperBound { rest.append((gone.upperBound + 1)...range.upperBound) }
            return rest
        }
    }

    package func union(_ other: HeldRanges) -> HeldRanges {
        var both = self
        for range in other.ranges { both.insert(range) }
        return both
    }

    /// The parts of `range` that are held, in order.
    package func held(in range: ClosedRange<Int64>) -> [ClosedRange<Int64>] {
        ranges.filter { $0.overlaps(range) }.map { $0.clamped(to: range) }
    }

    /// The parts of `range` that are not held, in order.
    package func missing(in range: ClosedRange<Int64>) -> [ClosedRange<Int64>] {
        var gaps: [ClosedRange<Int64>] = []
        var next = range.lowerBound
        for held in ranges where held.upperBound >= range.lowerBound && held.lowerBound <= range.upperBound {
            if held.lowerBound > next { gaps.append(next...(held.lowerBound - 1)) }
            next = max(next, held.upperBound + 1)
        }
        if next <= range.upperBound { gaps.append(next...range.upperBound) }
        return gaps
    }
}
