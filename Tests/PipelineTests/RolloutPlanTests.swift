@testable import Archive
import Evaluation
import Measures
import Testing

@testable import Pipeline

@Suite struct RolloutPlanTests {
    private let start = Instant(ms: 1_700_000_000_000)

    private func rollout(
        _ state: Archive.Rollout.State = .running, step: Int = 0, through: Int64 = 1 << 28, steps: RolloutSteps = .standard
    ) -> Archive.Rollout {
        Archive.Rollout(
            id: 3, release: 9, control: 8, tags: [], steps: steps, step: step, changedAt: start, through: through, state: state, author: "run 1",
            cause: "new data", run: 1, createdAt: start, endedAt: nil, detail: "as before")
    }

    /// Days with the same ratio to the error of the previous release.
    private func ratio(_ ratio: Double, days: Int, spread: Double = 0.02, targets: Int64 = 500) -> ErrorRatio? {
        ErrorRatio((0..<days).map { ErrorRatio.Block(targets: targets, error: ratio + ($0 % 2 == 0 ? spread : -spread), reference: 1) })
    }

    private func facts(
        reached: Int = 20, reporting: Int = 20, days: Int = 0, _ comparison: ErrorRatio? = nil, change: (inout RolloutPlan.Facts) -> Void = { _ in }
    ) -> RolloutPlan.Facts {
        var facts = RolloutPlan.Facts()
        (facts.devices, facts.reached, facts.reporting, facts.liveDays, facts.comparison) = (400, reached, reporting, days, comparison)
        change(&facts)
        return facts
    }

    private func next(_ rollout: Archive.Rollout, _ facts: RolloutPlan.Facts, after days: Double = 1) -> RolloutPlan.Action {
        RolloutPlan.next(rollout, facts, now: start + .milliseconds(Int64(days * 86_400_000)))
    }

    private func isWait(_ action: RolloutPlan.Action, _ words: String) -> Bool {
        if case .wait(let text) = action { text.contains(words) } else { false }
    }
    private func isPause(_ action: RolloutPlan.Action, _ words: String) -> Bool {
        if case .pause(let text) = action { text.contains(words) } else { false }
    }
    private func isRollBack(_ action: RolloutPlan.Action, _ words: String) -> Bool {
        if case .rollBack(let text) = action { text.contains(words) } else { false }
    }

    @Test func `a new rollout reaches the first devices`() {
        #expect(next(rollout(through: RolloutPlace.none), facts(reached: 0, reporting: 0)) == .reach(step: 0))
    }

    @Test func `a step needs nine tenths of the devices to report the release, and a person decides after seven days`() {
        #expect(isWait(next(rollout(), facts(reporting: 17, days: 9, ratio(1, days: 9))), "17 of 20 devices report"))
        #expect(isPause(next(rollout(), facts(reporting: 17, days: 9, ratio(1, days: 9)), after: 7.1), "after seven days"))
        #expect(next(rollout(), facts(reporting: 18, days: 9, ratio(1, days: 9))) == .reach(step: 1))
    }

    @Test func `a step needs its days of live errors, counted over all steps`() {
        #expect(isWait(next(rollout(), facts(days: 6, ratio(0.9, days: 6))), "6 of 7 days"))
        #expect(next(rollout(), facts(days: 7, ratio(0.9, days: 7))) == .reach(step: 1))
        #expect(isWait(next(rollout(step: 1), facts(days: 9, ratio(0.9, days: 9))), "9 of 10 days"))
        #expect(next(rollout(step: 1), facts(days: 10, ratio(0.9, days: 10))) == .reach(step: 2))
        if case .complete = next(rollout(step: 2, through: RolloutPlace.last), facts(days: 10, ratio(0.9, days: 10))) {} else { Issue.record() }
    }

    @Test func `an inconclusive comparison waits for seven more days, then for a person`() {
        let unclear = { (days: Int) in ratio(1.06, days: days, spread: 0.4) }
        #expect(isWait(next(rollout(), facts(days: 8, unclear(8))), "inconclusive"))
        #expect(isPause(next(rollout(), facts(days: 14, unclear(14))), "inconclusive"))
        #expect(isPause(next(rollout(), facts(days: 14, nil)), "cannot be compared"))
        #expect(isWait(next(rollout(), facts(days: 8, ratio(0.9, days: 8, targets: 20))), "inconclusive"), "160 targets decide nothing")
    }

    @Test func `a release with larger live errors is rolled back, also while the rollout is paused`() {
        #expect(isRollBack(next(rollout(), facts(days: 2, ratio(1.3, days: 2))), "1.30 times"))
        #expect(isRollBack(next(rollout(.paused), facts(days: 5, ratio(1.15, days: 5))), "1.15 times"))
        #expect(isRollBack(next(rollout(step: 2, through: RolloutPlace.last), facts(days: 12, ratio(1.3, days: 12))), "1.30 times"))
        #expect(isWait(next(rollout(), facts(days: 6, ratio(1.15, days: 6, spread: 0.6))), "days of live errors"))
    }

    @Test func `a rollout rolls back when 5 % of the devices, and at least two, have rejected the release`() {
        #expect(isRollBack(next(rollout(), facts(reached: 2, reporting: 1) { $0.rejecting = 1 }), "1 device of 2 rejected the release"))
        #expect(!isRollBack(next(rollout(), facts(reached: 20) { $0.rejecting = 1 }), ""))
        #expect(isRollBack(next(rollout(), facts(reached: 20) { $0.rejecting = 2 }), "rejected the release"))
        #expect(!isRollBack(next(rollout(), facts(reached: 100, reporting: 99) { $0.rejecting = 4 }), ""))
        #expect(isRollBack(next(rollout(), facts(reached: 100, reporting: 99) { $0.rejecting = 5 }), ""))
    }

    @Test func `a rollout of a blocked release rolls back, also without any evidence`() {
        #expect(isRollBack(next(rollout(.paused), facts(days: 7, ratio(0.9, days: 7)) { $0.isBlocked = true }), "the release is blocked"))
        #expect(isWait(next(rollout(.rolling_back), facts(reporting: 3) { $0.isBlocked = true }), "report another release"))
    }

    @Test func `devices that refuse the file pause the rollout`() {
        #expect(isPause(next(rollout(), facts(reached: 20, reporting: 19) { $0.refusing = 1 }), "1 device of 20 refused"))
        #expect(!isPause(next(rollout(), facts(reached: 100, reporting: 97) { $0.refusing = 3 }), ""))
    }

    @Test func `during an emergency stop, and while a person has paused it, a rollout does nothing`() {
        let good = facts(days: 7, ratio(0.9, days: 7))
        #expect(isWait(next(rollout(), facts(days: 7, ratio(0.9, days: 7)) { $0.isStopped = true }), "emergency stop"))
        #expect(next(rollout(.paused), good) == .wait("as before"))
    }

    @Test func `a rollback ends when nine tenths of the reached devices report another release`() {
        #expect(isWait(next(rollout(.rolling_back), facts(reporting: 3)), "17 of 20 devices report another release"))
        if case .end = next(rollout(.rolling_back), facts(reporting: 2)) {} else { Issue.record() }
        if case .end = next(rollout(.aborting), facts(reached: 0, reporting: 0)) {} else { Issue.record() }
    }

    @Test func `without any device that runs releases a rollout completes`() {
        for through in [RolloutPlace.none, 1 << 28] {
            if case .complete = next(rollout(through: through), RolloutPlan.Facts()) {} else { Issue.record("through \(through)") }
        }
    }

    @Test func `the expected error is that of the last good release on the same device, else that of other devices on the same day`() {
        let paired = Archive.LiveDay(day: 1, targets: 100, error: 90, persistenceError: 120, compared: 80, comparedError: 70, rivalError: 75)
        let alone = Archive.LiveDay(day: 2, targets: 100, error: 90, persistenceError: 120)
        let control = [Archive.LiveDay(day: 2, targets: 900, error: 800, persistenceError: 1_000)]
        #expect(
            RolloutEvidence.blocks(release: [paired, alone], control: control) == [
                ErrorRatio.Block(targets: 80, error: 70, reference: 75), ErrorRatio.Block(targets: 100, error: 90, reference: 96),
            ])
        let mixed = Archive.LiveDay(day: 2, targets: 100, error: 90, persistenceError: 120, compared: 80, comparedError: 70, rivalError: 75)
        #expect(RolloutEvidence.blocks(release: [mixed], control: control) == [ErrorRatio.Block(targets: 180, error: 160, reference: 171)])
        #expect(RolloutEvidence.blocks(release: [alone], control: []).isEmpty)
    }
}
