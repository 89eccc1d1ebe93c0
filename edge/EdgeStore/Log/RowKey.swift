/// The place of a row in this store: life and sequence. The integer form is `life << 40 | sequence`: SQLite's row id,
/// so that the log needs no second index.
package struct RowKey: Sendable, Hashable, Comparable {
    static let sequenceBits: Int64 = 40
    static let lastSequence: Int64 = 1 << sequenceBits - 1

    package let life: Int64
    package let sequence: Int64

    package init(life: Int64, sequence: Int64) {
        self.life = life
        self.sequence = sequence
    }
    package init(_ key: Int64) { self.init(life: key >> Self.sequenceBits, sequence: key & Self.lastSequence) }
    package var value: Int64 { life << Self.sequenceBits | sequence }
    package static func < (a: RowKey, b: RowKey) -> Bool { a.value < b.value }

    /// The keys of a range of sequences.
    static func keys(life: Int64, _ sequences: ClosedRange<Int64>) -> ClosedRange<Int64> {
        RowKey(life: life, sequence: sequences.lowerBound).value...RowKey(life: life, sequence: sequences.upperBound).value
    }

    /// All keys of a life.
    static func all(life: Int64) -> ClosedRange<Int64> { keys(life: life, 0...lastSequence) }
}
