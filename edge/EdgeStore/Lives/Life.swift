package import Measures
package import Wire

/// One life of a store, and the delivery state of its rows. A new life begins when row numbers could otherwise be used twice, for example after
/// a repair.
package struct Life: Sendable, Equatable {
    package let number: Int64
    package let epoch: Epoch
    package var last: Int64  // the highest sequence assigned; 0 for none
    package var held = HeldRanges()  // ranges that the cloud holds, according to its answers
    package var undeliverable = HeldRanges()  // ranges that will never be sent: evicted, refused, moved to a new life, damaged
    package var evicted: Int64 = 0
    package var refused: Int64 = 0

    /// Sequences not yet delivered, in order.
    package var outstanding: [ClosedRange<Int64>] {
        guard last > 0 else { return [] }
        return held.missing(in: 1...last).flatMap { undeliverable.missing(in: $0) }
    }

    package var backlog: Int64 { outstanding.reduce(0) { $0 + Int64($1.count) } }

    /// The number of a new life.
    /// - Parameter isCertain: `false` if the end of the log was lost, perhaps with a later life. A repair may find rows of the lost life in old
    ///   pages; if the new life had the same number, these rows would count as rows of the new life.
    static func number(after last: Int64?, isCertain: Bool = true) -> Int64 { (last ?? 0) + (isCertain ? 1 : .random(in: 2...4_096)) }

    package init(number: Int64, epoch: Epoch, last: Int64 = 0) {
        self.number = number
        self.epoch = epoch
        self.last = last
    }
}
