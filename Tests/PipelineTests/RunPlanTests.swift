import Measures
import Testing
import Watch

@testable import Archive
@testable import Pipeline

@Suite struct RunPlanTests {
    fileprivate static let now = Instant(ms: 1_795_000_000_000)

    fileprivate static func run(
        step: Int = 0, attempts: Int = 0, starts: Int = 0, retryIn seconds: Int64 = 0, cancelledBy author: String? = nil, hasEnded: Bool = false,
        outcome: String = "", days: Double = 0, endedAgo ago: Int64 = 0, cause: String = "manual"
    ) -> Archive.Run {
        Archive.Run(
            id: 7, kind: "training", cause: cause, author: "nina", createdAt: now - .seconds(60), endedAt: hasEnded ? now - .seconds(ago) : nil,
            step: step,
            failedAttempts: attempts, starts: starts, retryAt: now + .seconds(seconds), cancelledBy: author, outcome: outcome, detail: "",
            snapshot: "", deviceDays: days,
            release: nil)
    }

    private static let table: [(Archive.Run, RunPlan.Action)] = [
        (run(), .perform(.validate)),
        (run(step: 4), .perform(.verdict)),
        (run(step: 7), .perform(.rollOut)),
        (run(step: 8), .end(.failed, detail: "the run has no step 8")),
        (run(step: 2, attempts: 1, retryIn: 10), .wait(until: now + .seconds(10))),
        (run(step: 2, attempts: 1), .perform(.train)),
        (run(step: 2, attempts: 5), .end(.failed, detail: "train failed 5 times")),
        (run(step: 2, starts: 19), .perform(.train)),
        (run(step: 2, starts: 20), .end(.failed, detail: "train was started 20 times without an end")),
        (run(step: 2, cancelledBy: "nina"), .end(.cancelled, detail: "cancelled by nina")),
        (run(step: 2, attempts: 5, cancelledBy: "nina"), .end(.cancelled, detail: "cancelled by nina")),
        (run(step: 2, cancelledBy: "nina", hasEnded: true), .none),
    ]

    @Test(arguments: table.indices) func `the next action follows from the stored run`(row: Int) {
        let (run, action) = Self.table[row]
        #expect(RunPlan.next(run, now: Self.now) == action)
    }

    @Test func `pauses after failures grow from ten seconds to under an hour`() {
        #expect((1...5).map { RunPlan.pause(after: $0).components.seconds } == [10, 40, 160, 640, 2_560])
    }
}

@Suite struct RunTriggersTests {
    private static func ended(_ outcome: String, days: Double, ago: Int64 = 60) -> Archive.Run {
        RunPlanTests.run(hasEnded: true, outcome: outcome, days: days, endedAgo: ago)
    }

    private static let table: [([Archive.Run], Double, Bool)] = [
        ([], 27, false), ([], 28, true),
        ([RunPlanTests.run()], 100, false),  // the newest run has not ended
        ([ended("promoted", days: 50)], 77, false), ([ended("promoted", days: 50)], 78, true),
        ([ended("failed", days: 0), ended("promoted", days: 50)], 100, false),  // a failure a minute ago
        ([ended("failed", days: 0, ago: 30_000), ended("promoted", days: 50)], 100, true),
        ([ended("failed", days: 0, ago: 30_000), ended("promoted", days: 50)], 70, false),
        ([ended("promoted", days: 10_000)], 10_499, false), ([ended("promoted", days: 10_000)], 10_500, true),
        ([ended("cancelled", days: 90), ended("promoted", days: 50)], 200, false),
        // Runs that judge a network made elsewhere do not count: one in progress, one that failed a minute ago.
        ([RunPlanTests.run(cause: elsewhere), ended("promoted", days: 50)], 78, true),
        ([RunPlanTests.run(hasEnded: true, outcome: "failed", endedAgo: 60, cause: elsewhere), ended("promoted", days: 50)], 78, true),
    ]
    private static let elsewhere = "candidate 0123456789ab: trial"

    @Test(arguments: table.indices) func `new data starts a run after enough device-days, but not soon after a failure`(row: Int) {
        let (runs, days, expected) = Self.table[row]
        #expect(RunTriggers.hasEnoughNewData(days: days, runs: runs, afterDeviceDays: 28, now: RunPlanTests.now) == expected)
    }
}

@Suite struct HealthTriggerTests {
    private static func judgements(_ states: ModelHealth.State...) -> [Archive.ModelJudgement] {
        zip([1, 3, 24] as [Int64], states).map { hours, state in
            var health = ModelHealth()
            health.state = state
            return Archive.ModelJudgement(release: 7, lead: .seconds(hours * 3_600), day: 19_000, health: health)
        }
    }

    private static let starts: [([Archive.ModelJudgement], Archive.Run?, String?)] = [
        ([], nil, nil), (judgements(.decayed, .ok), nil, nil), (judgements(.decayed, .ok, .decayed), nil, "decay at 1 h, 24 h"),
        (judgements(.miscalibrated, .miscalibrated), nil, "miscalibration at 1 h, 3 h"), (judgements(.decayed, .miscalibrated), nil, nil),
        (judgements(.decayed, .decayed), RunPlanTests.run(), nil),
        (judgements(.decayed, .decayed), RunPlanTests.run(hasEnded: true, outcome: "champion_kept", endedAgo: 6 * 86_400), nil),
        (judgements(.decayed, .decayed), RunPlanTests.run(hasEnded: true, outcome: "champion_kept", endedAgo: 7 * 86_400), "decay at 1 h, 3 h"),
        (
            judgements(.decayed, .decayed),
            RunPlanTests.run(hasEnded: true, outcome: "champion_kept", endedAgo: 60, cause: "candidate 0123456789ab: trial"), "decay at 1 h, 3 h"
        ),
    ]

    @Test(arguments: starts.indices) func `decay or miscalibration at two lead times starts a run, but not within a week of another`(row: Int) {
        let (judgements, newest, expected) = Self.starts[row]
        #expect(RunTriggers.cause(judgements, runs: newest.map { [$0] } ?? [], now: RunPlanTests.now) == expected)
    }
}

@Suite struct EarlierChampionTests {
    /// Champions as counter and network, oldest first; the counter of the release that a rollback brings back.
    private static let table: [([(UInt64, String)], UInt64?)] = [
        ([], nil), ([(1, "a")], nil), ([(1, "a"), (2, "b")], 1),
        ([(1, "a"), (2, "b"), (3, "a")], nil),  // release 3 is the rollback to release 1
        ([(1, "a"), (2, "b"), (3, "c"), (4, "b")], 1),  // a second rollback goes further back
        ([(1, "a"), (2, "b"), (3, "c")], 2),
    ]

    @Test(arguments: table.indices) func `a rollback goes to the champion before the present network`(row: Int) {
        #expect(ReleaseChanges.earlierChampion(Self.table[row].0.map { (counter: $0.0, network: $0.1) }) == Self.table[row].1)
    }
}

@Suite struct CalendarScheduleTests {
    private static let sunday = Instant(ms: 1_795_910_400_000)  // 29 November 2026, 00:00 UTC

    private static func at(_ day: Int64, _ hour: Int64, _ minute: Int64) -> Instant { sunday + .seconds(day * 86_400 + hour * 3_600 + minute * 60) }

    @Test(arguments: [
        ("30 3 * * 1", at(1, 3, 30)), ("0 0 * * *", at(1, 0, 0)), ("*/15 * * * *", at(0, 0, 15)), ("0 12 * * 0", at(0, 12, 0)),
        ("0 12 * * 7", at(0, 12, 0)), ("5,10-12 6-8/2 * * *", at(0, 6, 5)), ("0 0 1 * *", at(2, 0, 0)), ("0 0 13 * 5", at(5, 0, 0)),
        ("0 0 29 2 *", at(457, 0, 0)), ("59 23 31 12 *", at(32, 23, 59)),
    ])
    func `the next time is the first that matches all fields`(expression: String, expected: Instant) throws {
        let schedule = try #require(CalendarSchedule(expression))
        #expect(schedule.next(after: Self.sunday) == expected)
        #expect(schedule.next(after: expected - .milliseconds(1)) == expected)
        #expect(try #require(schedule.next(after: expected)) > expected)
    }

    @Test(arguments: [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-3 * * * *", "*/0 * * * *", "a * * * *",
        "0 0 30 2 *", "1,,2 * * * *", "- * * * *",
    ])
    func `an invalid expression, or one that never matches, is refused`(expression: String) { #expect(CalendarSchedule(expression) == nil) }
}
