internal import Measures

/// Whether a rule's alarm is raised for one sensor. The caller passes each value with its time.
struct RuleState: Sendable, Equatable {
    enum Change: Sendable, Equatable {
        case raised(since: Instant)
        case ended(since: Instant)
    }

    private(set) var raisedSince: Instant?
    private var exceededSince: Instant?
    private var exceededCount = 0  // consecutive values beyond the threshold
    private var lastValueAt: Instant?
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
        guard let since = exceededSince, instant - since >= rule.hold, exceededCount >= rule.minimumValues else { return nil }
        raisedSince = since
        return .raised(since: since)
    }

    /// Updates the hold without raising an alarm: this value was already reported, or its alarm is suppressed.
    /// - Returns: false for a repeated value (same instant as the last one).
    @discardableResult
    mutating func updateHold(_ excess: Double, of rule: Rule, at instant: Instant) -> Bool {
        if instant == lastValueAt { return false }
        if let lastValueAt {
            // Time goes back when a wrong clock is set: earlier values no longer count towards the hold.
            let elapsed = instant - lastValueAt
            if elapsed < .zero || elapsed > longestGap(rule.hold) {
                exceededSince = nil
                exceededCount = 0
                if spacing == .zero { spacing = max(.zero, elapsed) }
            } else {
                spacing = elapsed
            }
        }
        lastValueAt = instant
        exceededSince = excess > 0 ? exceededSince ?? instant : nil
        exceededCount = excess > 0 ? min(exceededCount + 1, 2) : 0
        return true
    }
}
