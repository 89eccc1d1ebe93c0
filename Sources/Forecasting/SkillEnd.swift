internal import Measures

/// Where a forecast stops being better than climatology, as far as its own scored past tells.
package enum SkillEnd: Sendable, Hashable {
    case unknown  // too little of its past has been scored
    case after(Duration)  // the largest lead time with skill; zero: none has
    case beyondHorizon

    /// Less is none: it is within what a month of scores can tell.
    package static let least = 0.05

    /// - Parameters:
    ///   - leadTimes: strictly increasing.
    ///   - skill: at each; `nil` where it is not known.
    package init(leadTimes: [Duration], skill: [Double?]) {
        let last = skill.lastIndex { $0.map { $0 >= SkillEnd.least } ?? false }
        if skill[(last.map { $0 + 1 } ?? 0)...].contains(nil) || skill.isEmpty {
            self = .unknown
        } else if last == skill.count - 1 {
            self = .beyondHorizon
        } else {
            self = .after(last.map { leadTimes[$0] } ?? .zero)
        }
    }
}
