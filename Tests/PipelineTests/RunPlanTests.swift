import Measures
import Testing

@testable import Archive
@testable import Pipeline

@Suite struct RunPlanTests {
    private static let now = Instant(ms: 1_795_000_000_000)

    private static func run(
        step: Int = 0, attempts: Int = 0, retryIn seconds: Int64 = 0, cancelledBy author: String? = nil, hasEnded: Bool = false
    ) -> Archive.Run {
        Archive.Run(
            id: 7, kind: "training", cause: "manual", author: "nina", createdAt: now - .seconds(60), endedAt: hasEnded ? now : nil, step: step,
            attempts: attempts, retryAt: now + .seconds(seconds), cancelledBy: author, outcome: "", detail: "", snapshot: "", deviceDays: 0,
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
    func `what is no expression, or never matches, is refused`(expression: String) { #expect(CalendarSchedule(expression) == nil) }
}
