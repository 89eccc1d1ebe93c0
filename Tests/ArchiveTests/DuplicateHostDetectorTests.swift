@testable import Archive
import Measures
import Testing

@Suite struct DuplicateHostDetectorTests {
    private let start = Instant(ms: 1_700_000_000_000)

    /// Takes batches, each with its epoch and the second of its newest reading. Returns for each batch whether two hosts are detected.
    private func found(_ batches: [(epoch: UInt64, newest: Int64)]) -> [Bool] {
        var turns = DuplicateHostDetector()
        return batches.enumerated().map { place, batch in
            turns.recordGrowth(Epoch(bits: batch.epoch), newest: start + .seconds(batch.newest), at: start + .seconds(Int64(place)))
        }
    }

    @Test func `two hosts with one device name are detected when their epochs alternate`() {
        #expect(found([(1, 0), (2, 1), (1, 2), (2, 3)]) == [false, false, false, true])
        #expect(found([(1, 0), (2, 1), (1, 2), (1, 3), (2, 4), (1, 5)]).last == true)
    }

    @Test func `a second host is detected even if its readings are always slightly older`() {
        #expect(found([(1, 10), (2, 9), (1, 20), (2, 19), (1, 30), (2, 29), (1, 40), (2, 39)]) == [Bool](repeating: false, count: 7) + [true])
        // After a conflict, rows are sent again under a new epoch while the old epoch gets no new rows.
        #expect(found([(1, 0), (1, 100), (2, 10), (2, 50), (2, 90), (2, 101), (2, 102)]).allSatisfy { !$0 })
    }

    @Test func `a device that changes its epoch once is one host, even if the old epoch delivers a backlog`() {
        #expect(found([(1, 0), (2, 100), (1, 10), (1, 20), (2, 200), (1, 90), (2, 300)]).allSatisfy { !$0 })
    }

    @Test func `a store that is rebuilt repeatedly is one host`() {
        #expect(found((0..<20).map { (UInt64($0 + 1), Int64($0)) }).allSatisfy { !$0 })
    }

    @Test func `epochs that alternate every three days do not indicate two hosts`() {
        var turns = DuplicateHostDetector()
        let (a, b) = (Epoch(bits: 1), Epoch(bits: 2))
        var day = start
        for turn in 0..<20 {
            let isFound = turns.recordGrowth(turn % 2 == 0 ? a : b, newest: day, at: day)
            #expect(!isFound)
            day = day + .seconds(3 * 86_400)
        }
    }
}
