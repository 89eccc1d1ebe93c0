package import Measures
package import Wire

/// One life of a store, and what has become of its rows.
package struct Life: Sendable, Equatable {
    package let number: Int64
    package let epoch: Epoch
    package var last: Int64  // the highest sequence given; 0 for none
    package var held = HeldRanges()  // by the cloud, in its own words
    package var gone = HeldRanges()  // that will never be sent: evicted, set aside, renamed, damaged
    package var evicted: Int64 = 0
    package var refused: Int64 = 0

    /// Sequences that the cloud has yet to get, in order.
    package var outstanding: [ClosedRange<Int64>] {
        guard last > 0 else { return [] }
        return held.missing(in: 1...last).flatMap { gone.missing(in: $0) }
    }

    package var backlog: Int64 { outstanding.reduce(0) { $0 + Int64($1.count) } }

    /// The number of a new life.
    /// - Parameter isCertain: `false` where a later life may have been lost with the end of the log. Pages of its rows may be
    ///   found one day: under the same number they would count as the new life's.
    static func number(after last: Int64?, isCertain: Bool = true) -> Int64 { (last ?? 0) + (isCertain ? 1 : .random(in: 2...4_096)) }

    package init(number: Int64, epoch: Epoch, last: Int64 = 0) {
        self.number = number
        self.epoch = epoch
        self.last = last
    }
}
