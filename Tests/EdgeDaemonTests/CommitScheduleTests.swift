@testable import EdgeDaemon
import Testing

@Suite struct CommitScheduleTests {
    private enum Event { case commit, failure }

    /// The events with their seconds, and the second at which the next commit is due.
    @Test(
        arguments: [
            ([], 0), ([(0, .commit)], 10), ([(0, .commit), (10, .commit)], 20), ([(0, .failure)], 1), ([(0, .failure), (1, .failure)], 3),
            ([(0, .failure), (1, .failure), (3, .failure)], 7), ((0..<9).map { (100 * $0, .failure) }, 830), ([(0, .failure), (1, .commit)], 11),
            ([(0, .failure), (1, .failure), (3, .commit), (13, .failure)], 14),
        ] as [([(Int, Event)], Int)])
    private func `commits happen once a period, and are retried after 1, 2, 4 up to 30 seconds while they fail`(events: [(Int, Event)], due: Int) {
        let start = ContinuousClock.now
        var schedule = CommitSchedule(period: .seconds(10), now: start)
        for (second, event) in events {
            switch event {
            case .commit: schedule.committed(at: start + .seconds(second))
            case .failure: schedule.failed(at: start + .seconds(second))
            }
        }
        #expect(schedule.nextAt == start + .seconds(due))
        #expect(!schedule.isDue(at: start + .seconds(due) - .nanoseconds(1)) && schedule.isDue(at: start + .seconds(due)))
        if case .failure? = events.last?.1 { #expect(schedule.isBackingOff) } else { #expect(!schedule.isBackingOff) }
    }
}
