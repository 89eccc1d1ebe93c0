@testable import EdgeDaemon
import Measures
import Testing
import Wire

@Suite struct ReleaseSlotsTests {
    private let day: Duration = .seconds(86_400)
    private let start = Instant(ms: 1_600_000_000_000)
    private func name(_ counter: UInt64) -> ReleaseReference {
        ReleaseReference(counter: counter, sha256: [UInt8](repeating: UInt8(counter), count: 32))
    }

    @Test func `the last good release is the last one that was in use for two days`() {
        var slots = ReleaseSlots()
        slots.accept(name(1), isSameNetwork: false, now: start)
        #expect(slots.active?.name == name(1) && slots.lastGood == nil)
        slots.accept(name(2), isSameNetwork: false, now: start + day * 2)
        #expect(slots.active?.name == name(2) && slots.lastGood == name(1))
        slots.accept(name(3), isSameNetwork: false, now: start + day * 3)
        #expect(slots.active?.name == name(3) && slots.lastGood == name(1), "release 2 was in use for one day only")
        slots.accept(name(4), isSameNetwork: true, now: start + day * 9)
        #expect(slots.active == ReleaseSlots.Active(name: name(4), since: start + day * 3), "signed again: the same weights")
        #expect(slots.lastGood == name(1) && slots.acceptedCounter == 4)
    }

    @Test func `going back uses the last good release, then the shipped one, and keeps the counter`() {
        var slots = ReleaseSlots()
        slots.accept(name(1), isSameNetwork: false, now: start)
        slots.accept(name(2), isSameNetwork: false, now: start + day * 2)
        slots.goBack(.liveError, detail: "worse", now: start + day * 4)
        #expect(slots.active == ReleaseSlots.Active(name: name(1), since: start + day * 4) && slots.acceptedCounter == 2)
        slots.goBack(.golden, detail: "other", now: start + day * 5)
        #expect(slots.active == nil && slots.rejected.map(\.release) == [name(2), name(1)])
        #expect(slots.goBack(.liveError, detail: "", now: start) == nil, "nothing replaces the shipped release")
    }

    @Test func `at most 16 rejections are kept, the newest`() {
        var slots = ReleaseSlots()
        for counter in 1...20 as ClosedRange<UInt64> {
            slots.accept(name(counter), isSameNetwork: false, now: start)
            slots.goBack(.crashLoop, detail: "", now: start)
        }
        #expect(slots.rejected.map(\.release.counter) == Array(5...20))
    }

    @Test func `the file of the slots holds all of them, and damage of any bit is noticed`() throws {
        var slots = ReleaseSlots()
        slots.accept(name(1), isSameNetwork: false, now: start)
        slots.accept(name(2), isSameNetwork: false, now: start + day * 2)
        slots.goBack(.liveError, detail: "worse", now: start + day * 4)
        slots.accept(name(3), isSameNetwork: false, now: start + day * 9)
        slots.markStarted(boot: 7, boottimeMs: 1_000)
        let bytes = slots.binary()
        #expect(try ReleaseSlots(binary: bytes) == slots)
        for bit in 0..<(bytes.count * 8) {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect((try? ReleaseSlots(binary: damaged)) == nil)
        }
        for length in 0..<bytes.count { #expect((try? ReleaseSlots(binary: Array(bytes.prefix(length)))) == nil) }
    }

    @Test func `starts that are more than ten minutes apart are not a crash loop`() {
        var slots = ReleaseSlots()
        for start in 0..<20 { slots.markStarted(boot: 1, boottimeMs: Int64(start) * 300_000) }
        #expect(!slots.isCrashLoop)
        for start in 0..<3 { slots.markStarted(boot: 1, boottimeMs: 6_000_000 + Int64(start)) }
        #expect(slots.isCrashLoop)
    }
}
