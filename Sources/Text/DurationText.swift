/// Durations in the form that users write.
package enum DurationText {
    /// A whole number above zero and a unit, `90s`, `30m`, `24h`, `5d`; `nil` for any other text.
    package static func parse(_ text: String) -> Duration? {
        guard let unit = text.last, let count = Int64(text.dropLast()), count > 0, count <= 1_000_000 else { return nil }
        switch unit {
        case "s": return .seconds(count)
        case "m": return .seconds(count * 60)
        case "h": return .seconds(count * 3_600)
        case "d": return .seconds(count * 86_400)
        default: return nil
        }
    }

    /// `20 s`, `30 min`, `2 h`, `1.5 h`; from two days on, whole days as `2 d`.
    package static func short(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        if seconds < 60 { return "\(seconds) s" }
        if seconds < 3_600 { return "\(seconds / 60) min" }
        if seconds >= 172_800, seconds % 86_400 == 0 { return "\(seconds / 86_400) d" }
        return seconds % 3_600 == 0 ? "\(seconds / 3_600) h" : "\(seconds / 3_600).\(seconds % 3_600 * 10 / 3_600) h"
    }
}
