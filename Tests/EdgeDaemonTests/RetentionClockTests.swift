@testable import EdgeDaemon
import EdgeStore
import StoreExamples
import Measures
@testable import Runtime
import Testing

@Suite struct RetentionClockTests {
    private func stamp(_ ms: Int64, _ quality: ClockQuality, boottime: Int64) -> HostClock.ClockSample {
        HostClock.ClockSample(takenAt: Instant(ms: ms), quality: quality, boottimeMs: boottime)
    }
    private let day: Int64 = 86_400_000

    @Test func `with an unsynchronised clock, retention ages readings by elapsed time`() {
        var age = RetentionClock()
        let start: Int64 = 1_700_000_000_000
        let newest = Instant(ms: start)
        // The clock is one year ahead right after the start: retention assumes at most one day after the newest reading.
        #expect(age.now(stamp(start + 365 * day, .holdover, boottime: 0), newest: newest).ms == start + day)
        #expect(age.now(stamp(start + 366 * day, .unknown, boottime: 600_000), newest: newest).ms == start + day + 600_000)
        // A synchronised clock is accepted, and retention continues from it when the synchronisation ends.
        #expect(age.now(stamp(start + 10 * day, .synchronised, boottime: 700_000), newest: newest).ms == start + 10 * day)
        #expect(age.now(stamp(start + 900 * day, .holdover, boottime: 800_000), newest: newest).ms == start + 10 * day + 100_000)
    }

    @Test func `with an empty store, a clock in 1970 is used as it is`() {
        var age = RetentionClock()
        #expect(age.now(stamp(5_000, .unknown, boottime: 1_000), newest: nil).ms == 5_000)
        #expect(age.now(stamp(65_000, .unknown, boottime: 61_000), newest: nil).ms == 65_000)
    }

    @Test(arguments: [(Int64(86_400), Int64(9_000_000), Int64(9_000_000)), (600, 1_000, 144_000), (0, 5, 0)])
    func `the bytes written are extrapolated to one day`(seconds: Int64, bytes: Int64, perDay: Int64) {
        #expect(WrittenBytes.Rate(bytes: bytes, seconds: seconds).bytesPerDay == perDay)
    }
}
