import Measures
import Testing

@testable import Runtime

private let start = Instant(ms: 1_795_000_000_000)  // November 2026
private let day: Int64 = 86_400_000

/// Feeds one minute after another to a `ClockDiscipline`; `offset` is the wall clock minus the true time.
private struct Shown {
    var discipline = ClockDiscipline()
    var minute: Int64 = 0

    mutating func minute(offset: Int64 = 0, synchronised: Bool = false) -> (error: Int64, verdict: ClockDiscipline.Estimate) {
        minute += 1
        let truth = start.ms + minute * 60_000
        let verdict = discipline.update(wall: Instant(ms: truth + offset), boottimeMs: minute * 60_000, isSynchronised: synchronised)
        return (verdict.now.ms - truth, verdict)
    }
}

@Suite struct ClockDisciplineTests {
    @Test func `a board that starts in 1970 has the true time once its clock is set, and earlier readings are corrected`() {
        var shown = Shown()
        for _ in 0..<3 { #expect(shown.minute(offset: -start.ms).verdict.quality == .unknown) }
        let (error, verdict) = shown.minute(synchronised: true)
        #expect(error == 0 && verdict.quality == .synchronised)
        #expect(verdict.correction == .init(boottimeMs: 60_000...239_999, offset: .milliseconds(start.ms)))
        #expect(shown.minute(synchronised: true).verdict.correction == nil)
    }

    @Test func `a clock set by hand from 1970 is accepted at once`() {
        var shown = Shown()
        _ = shown.minute(offset: -start.ms)
        let (error, verdict) = shown.minute()
        #expect(error == 0 && verdict.quality == .holdover)
        #expect(verdict.correction?.offset == .milliseconds(start.ms))
    }

    @Test(arguments: [-start.ms, -14 * day, 365 * day, 1_000 * 365 * day])
    func `a clock jump without synchronisation does not move the time, and its end leaves no correction`(jump: Int64) {
        var shown = Shown()
        for _ in 0..<5 { _ = shown.minute(synchronised: true) }
        for _ in 0..<9 {
            let (error, verdict) = shown.minute(offset: jump)
            #expect(error == 0 && verdict.quality == .holdover && verdict.correction == nil)
        }
        let (error, verdict) = shown.minute(synchronised: true)
        #expect(error == 0 && verdict.correction == nil)
    }

    @Test func `a new time that persists is accepted, and is corrected as a whole if it was wrong`() {
        var shown = Shown()
        for _ in 0..<3 { _ = shown.minute() }
        var corrections: [ClockDiscipline.Correction] = []
        for _ in 0..<20 { corrections += [shown.minute(offset: 365 * day).verdict.correction].compactMap { $0 } }
        #expect(corrections == [.init(boottimeMs: 60_000...839_999, offset: .milliseconds(start.ms + 365 * day))])
        #expect(shown.minute(offset: 365 * day).error == 365 * day)
        let (error, verdict) = shown.minute(synchronised: true)
        #expect(error == 0)
        // Every reading without a proven time gets its true time, from the first minute on.
        #expect(verdict.correction == .init(boottimeMs: 60_000...1_499_999, offset: .milliseconds(start.ms)))
    }

    @Test func `a wall clock in 1970 is never accepted, however long it persists`() {
        var shown = Shown()
        _ = shown.minute()
        for _ in 0..<100 { #expect(shown.minute(offset: -start.ms).error == 0) }
    }

    @Test func `drift is followed without a correction`() {
        var shown = Shown()
        for minute in 0..<200 as Range<Int64> {
            let (error, verdict) = shown.minute(offset: minute * 20)
            #expect(error == minute * 20 && verdict.correction == nil)
        }
    }
}
