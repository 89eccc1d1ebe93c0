@testable import EdgeDaemon
import Testing

@Suite struct SamplingScheduleTests {
    private let start = ContinuousClock.now

    /// The seconds at which the sensor is due next. `asked` holds the seconds at which it was read; each read takes a millisecond.
    private func next(_ asked: [Double], failing: Set<Int> = []) -> [Double] {
        var schedule = SamplingSchedule(period: .seconds(10), now: start)
        return asked.enumerated().map { place, second in
            let at = start + .milliseconds(Int64(second * 1_000))
            let due = schedule.next(readStartedAt: at, now: at + .milliseconds(1), retryPause: failing.contains(place) ? .seconds(40) : nil)
            return Double((due - start) / .milliseconds(1)) / 1_000
        }
    }

    @Test func `small delays do not add up`() {
        #expect(next([0, 10.02, 20.03, 30.04]) == [10, 20, 30, 40])
    }

    @Test func `after a long sleep no sensor is read twice within a period`() {
        #expect(next([0, 10, 307, 317.01]) == [10, 20, 317, 327])
    }

    @Test func `a read that takes longer than a period is followed by the next read at once, without the missed ones`() {
        var schedule = SamplingSchedule(period: .seconds(10), now: start)
        let due = schedule.next(readStartedAt: start, now: start + .seconds(35), retryPause: nil)
        #expect(due == start + .seconds(35))
        #expect(schedule.next(readStartedAt: due, now: due + .milliseconds(1), retryPause: nil) == due + .seconds(10))
    }

    @Test func `a failing sensor is not read during its pause`() {
        #expect(next([0, 10, 50], failing: [1]) == [10, 50, 60])
    }
}
