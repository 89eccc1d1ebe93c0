internal import Measures

/// The lead time up to which a forecast is better than climatology, according to its past scores.
package enum SkillHorizon: Sendable, Hashable {
    case unknown  // too few past forecasts have been scored
    case after(Duration)  // the largest lead time with skill; zero: no lead time has skill
    case beyondHorizon

    /// The smallest skill that counts: a month of scores cannot distinguish a smaller value from none.
    package static let minimumSkill = 0.05

    /// - Parameters:
    ///   - leadTimes: strictly increasing.
    ///   - skill: the skill at each lead time; `nil` if unknown.
    package init(leadTimes: [Duration], skill: [Double?]) {
        let last = skill.lastIndex { $0.map { $0 >= SkillHorizon.minimumSkill } ?? false }
        if skill[(last.map { $0 + 1 } ?? 0)...].contains(nil) || skill.isEmpty {
            self = .unknown
        } else if last == skill.count - 1 {
            self = .beyondHorizon
        } else {
            self = .after(last.map { leadTimes[$0] } ?? .zero)
        }
    }
}
