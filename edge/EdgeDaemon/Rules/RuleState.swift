internal import Measures

/// Whether a rule's alarm is raised for one sensor. A value: the caller passes each value with its time.
struct RuleState: Sendable, Equatable {
    enum Change: Sendable, Equatable {
        case raised(since: Instant)
        case ended(since: Instant)
    }

    private(set) var raisedSince: Instant?
    private var beyondSince: Instant?
    private var beyondCount = 0  // consecutive values beyond the threshold
    private var seenAt: Instant?
    private var spacing: Duration = .zero  // time between the last two values

    init(raisedSince: Instant? = nil) { self.raisedSince = raisedSince }

    /// The longest gap between values that does not restart the hold: time without values does not count. 15 minutes, a quarter of the hold,
    /// or three times the spacing of the values before the gap, whichever is longest.
    private func longestGap(_ hold: Duration) -> Duration { max(.seconds(900), hold / 4, spacing * 3) }

    mutating func update(_ excess: Double, of rule: Rule, at instant: Instant) -> Change? {
        guard updateHold(excess, of: rule, at: instant) else { return nil }
        if let since = raisedSince {
            guard excess <= -rule.hysteresis else { return nil }
            raisedSince = nil
            return .ended(since: since)
        }
        guard let since = beyondSince, instant - since >= rule.hold, beyondCount >= rule.leastValues else { return nil }
        raisedSince = since
        return .raised(since: since)
    }

    /// Updates the hold without raising an alarm: this value was already reported, or its alarm is suppressed.
    /// - Returns: false for a repeated value (same instant as the last one).
    @discardableResult
    mutating func updateHold(_ excess: Double, of rule: Rule, at instant: Instant) -> Bool {
        if instant == seenAt { return false }
        if let seenAt {
            // Time goes back when a wrong clock is set: earlier values no longer count towards the hold.
            let passed = instant - seenAt
            if passed < .zero || passed > longestGap(rule.hold) {
                beyondSince = nil
                beyondCount = 0
                if spacing == .zero { spacing = max(.zero, passed) }
            } else {
                spacing = passed
            }
        }
        seenAt = instant
        beyondSince = excess > 0 ? beyondSince ?? instant : nil
        beyondCount = excess > 0 ? min(beyondCount + 1, 2) : 0
        return true
    }
}
