package import Archive
package import Evaluation
package import Measures
internal import Text

/// The next action of a rollout: a pure function of the rollout, of what is known about its devices, and of the time.
package enum RolloutPlan {
    /// The known facts about the devices. Except in `devices`, only devices that had contact within a day count.
    package struct Facts: Sendable, Equatable {
        package var devices = 0  // devices that the rollout can reach
        package var reached = 0  // devices that get the release
        package var reporting = 0  // reached devices that report the release
        package var refusing = 0  // reached devices that refused the file of the release
        package var rejecting = 0  // devices that used the release and rejected it because of its errors
        package var liveDays = 0  // days with live errors of the release
        package var comparison: ErrorRatio?  // live errors of the release / expected errors of the previous release
        package var isStopped = false  // the emergency stop is on
        package var isBlocked = false  // no device gets the release any more

        package init() {}
    }

    package enum Action: Equatable, Sendable {
        case wait(String)
        case reach(step: Int)  // give the release to the devices of this step
        case complete(String)
        case pause(String)  // a person must decide
        case rollBack(String)
        case end(String)  // the devices have the previous release again
    }

    private static let reportingShare = 0.9
    private static let failingShare = 0.05
    private static let reportTimeout: Duration = .seconds(7 * 86_400)  // then a rollout pauses if too few devices report the release
    private static let returnTimeout: Duration = .seconds(14 * 86_400)  // then a rollback ends, whatever the devices report
    private static let extraDays = 7  // of live errors, while the comparison is inconclusive

    package static func next(_ rollout: Archive.Rollout, _ facts: Facts, now: Instant) -> Action {
        if facts.isStopped { return .wait("the emergency stop is on") }
        if rollout.isReturning { return returning(rollout, facts, now: now) }
        // A rollback that waits for a signature, or a release that a person has blocked.
        if facts.isBlocked { return .rollBack("the release is blocked") }
        if facts.rejecting > 0, facts.rejecting >= rejections(facts) {
            return .rollBack("\(devices(facts.rejecting)) of \(max(facts.reached, facts.rejecting)) rejected the release")
        }
        if let comparison = facts.comparison, comparison.isTooLarge { return .rollBack("the live error is \(text(comparison))") }
        guard rollout.state == .running else { return .wait(rollout.detail) }
        if facts.devices == 0 { return .complete("there is no device that runs releases") }
        guard rollout.through != RolloutPlace.none else { return .reach(step: 0) }
        let elapsed = now - rollout.changedAt
        guard facts.reached > 0 else {
            let text = "no reached device had contact within a day"
            return elapsed > reportTimeout ? .pause(text + ", for seven days") : .wait(text)
        }
        // A device may still report the refusal of an earlier release.
        if elapsed > .seconds(3_600), facts.refusing > 0, facts.refusing >= failures(facts) {
            return .pause("\(devices(facts.refusing)) of \(facts.reached) refused the release: vaho-cloud rollout show \(rollout.id) shows why")
        }
        guard Double(facts.reporting) >= reportingShare * Double(facts.reached) else {
            let text = "\(facts.reporting) of \(devices(facts.reached)) report the release"
            return elapsed > reportTimeout ? .pause(text + " after seven days") : .wait(text)
        }
        return actionAfterComparison(rollout, facts, elapsed: elapsed)
    }

    /// The next action once enough devices report the release: the next step, completion, a wait, or a pause.
    private static func actionAfterComparison(_ rollout: Archive.Rollout, _ facts: Facts, elapsed: Duration) -> Action {
        let needed = rollout.steps.steps.prefix(rollout.step + 1).reduce(0) { $0 + $1.days }
        let reporting = "\(facts.reporting) of \(devices(facts.reached)) report the release"
        guard facts.liveDays >= needed else {
            let text = "\(reporting); \(facts.liveDays) of \(needed) days of live errors"
            return elapsed > .seconds(86_400 * Int64(needed + extraDays)) ? .pause(text) : .wait(text)
        }
        var judgement = reporting
        if needed > 0 {
            guard let comparison = facts.comparison, comparison.isSmallEnough else {
                let state = facts.comparison.map { "the live error is \(text($0)): inconclusive" } ?? "the live errors cannot be compared"
                return facts.liveDays >= needed + extraDays ? .pause(state) : .wait("\(reporting); \(state)")
            }
            judgement += "; the live error is \(text(comparison))"
        }
        return rollout.isLastStep ? .complete(judgement) : .reach(step: rollout.step + 1)
    }

    private static func returning(_ rollout: Archive.Rollout, _ facts: Facts, now: Instant) -> Action {
        let returned = facts.reached - facts.reporting
        let text = "\(returned) of \(devices(facts.reached)) report another release"
        let isTimedOut = now - rollout.changedAt > returnTimeout
        return isTimedOut || Double(returned) >= reportingShare * Double(facts.reached) ? .end(text) : .wait(text)
    }

    /// How many rejections roll a release back: 5 % of the reached devices, and at least two, because the air of one device may be unusual. If at most
    /// two devices are reached, one is enough.
    private static func rejections(_ facts: Facts) -> Int { facts.reached <= 2 ? 1 : max(2, failures(facts)) }
    /// The number of failing devices that ends a step.
    private static func failures(_ facts: Facts) -> Int { failures(of: facts.reached) }
    static func failures(of devices: Int) -> Int { max(1, Int((failingShare * Double(devices)).rounded(.up))) }

    private static func devices(_ count: Int) -> String { count == 1 ? "1 device" : "\(count) devices" }
    private static func text(_ ratio: ErrorRatio) -> String {
        func number(_ value: Double) -> String { NumberText.fixed(value, places: 2) ?? "–" }
        return
            "\(number(ratio.ratio)) times that of the previous release (90 % bounds \(number(ratio.low)) to \(number(ratio.high)), \(ratio.blocks) days)"
    }
}
