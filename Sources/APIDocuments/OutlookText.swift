package import Forecasting
package import Measures
internal import Text

/// The outlook as text, which tells a user whether to act.
package enum OutlookText {
    /// - Parameters:
    ///   - forecast: the sensor's newest forecast, if any.
    ///   - thresholds: all thresholds of the device.
    ///   - condition: the sensor's condition; a sensor without a present value gets no outlook.
    ///   - offset: UTC offset of the reader's clock.
    ///   - zone: text after a time of day; "" if the reader knows the time zone.
    package static func text(
        _ forecast: QuantileForecast?, _ thresholds: [HumidityThreshold], sensor: SensorName, _ condition: SensorCondition, step: Duration,
        present: RelativeHumidity? = nil, now: Instant, offset: Duration, zone: String = ""
    ) -> String {
        guard condition.state.isPresent, let forecast, forecast.isFresh(at: now, step: step) else {
            return text(without: condition, newest: forecast?.origin, offset: offset, zone: zone)
        }
        return text(Outlook(forecast, thresholds: thresholds, of: sensor, present: present, now: now), offset: offset, zone: zone)
    }

    static func text(_ outlook: Outlook, offset: Duration, zone: String = "") -> String {
        var sentences: [String] = []
        let period = period(at: outlook.now, offset)
        if let range = outlook.range(from: period.from, until: period.until) {
            sentences.append("\(period.name) \(whole(range.lowerBound.rounded(.down))) to \(whole(range.upperBound.rounded(.up))) %.")
        }
        func clock(_ instant: Instant) -> String { time(instant, offset) + zone }
        let hours = (outlook.coveredDuration.wholeSeconds + 1_800) / 3_600  // lead times are up to an hour apart
        let relevant = outlook.prospects.filter { $0.verdict != .unlikely || $0.isBeyondNow }
        let matter = relevant.filter(\.isBeyondNow) + relevant.filter { !$0.isBeyondNow }
        for prospect in matter.prefix(3) { sentences.append(sentence(prospect, outlook.now, hours, clock)) }
        if matter.count > 3 { sentences.append("\(matter.count - 3) more thresholds are near.") }
        if outlook.prospects.isEmpty {
            sentences.append("No threshold is set.")
        } else if matter.isEmpty {
            sentences.append("No threshold will be crossed in the next \(hours) h (less than 5 % likely at any time).")
        }
        return sentences.joined(separator: " ")
    }

    /// The sentence for a sensor without a current forecast.
    private static func text(without condition: SensorCondition, newest: Instant?, offset: Duration, zone: String = "") -> String {
        let since = condition.since.map { " since \(day($0, offset)) \(time($0, offset))\(zone)" } ?? ""
        switch condition.state {
        case .failing, .stale: return "No outlook: the sensor is \(condition.state.name)\(since)."
        case .flat, .saturated, .ok:
            guard let newest else { return "No forecast yet. The first one follows the first observation." }
            return "No outlook: the newest forecast is too old, of \(day(newest, offset)) \(time(newest, offset))\(zone)."
        }
    }

    private static func sentence(_ prospect: Outlook.ThresholdOutlook, _ now: Instant, _ hours: Int64, _ clock: (Instant) -> String) -> String {
        let side = "\(prospect.threshold.isAbove ? "Above" : "Below") \(number(prospect.threshold.percent)) %"
        let odds = odds(prospect.peak)
        guard let from = prospect.from else { return "\(side) now, likely to end soon." }
        guard from > now else {
            guard prospect.verdict == .likely else { return "\(side) now, and possibly for longer (\(odds))." }
            return prospect.until.map { "\(side) now, likely until \(clock($0)) (\(odds))." }
                ?? "\(side) now, likely for the next \(hours) h (\(odds))."
        }
        let now = prospect.isBeyondNow ? "\(side) now, and again" : "\(side) is"
        let span = prospect.until.map { "for \(duration($0 - from))" } ?? "for the rest of the next \(hours) h"
        return "\(now) \(prospect.verdict.name) from \(clock(from)) \(span) (\(odds))."
    }

    /// The probability as text, rounded down: to 1 % below 10 %, else to 5 %. A bound keeps its exact percentage.
    private static func odds(_ exceedance: Exceedance) -> String {
        let percent = Int(exceedance.probability * 100 + 1e-9)
        switch exceedance.bound {
        case .exact: return "\(percent < 10 ? percent : percent / 5 * 5) %"
        case .atLeast: return "over \(percent) %"
        case .atMost: return "less than \(percent) %"
        }
    }

    private static func duration(_ span: Duration) -> String {
        let minutes = (span.ms + 30_000) / 60_000
        if minutes < 60 { return "\(minutes) min" }
        return minutes % 60 == 0 ? "\(minutes / 60) h" : "\(minutes / 60) h \(minutes % 60) min"
    }

    private static func whole(_ percent: Double) -> String { NumberText.fixed(percent, places: 0) ?? "" }
    private static func number(_ percent: Double) -> String {
        let text = NumberText.fixed(percent, places: 1) ?? ""
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// The period that the first sentence covers, in local time. 04:00 to 15:00: "Today", now to 18:00. 15:00 to 24:00: "Tonight", 18:00 (or now)
    /// to 06:00. 00:00 to 04:00: "Tonight", now to 06:00.
    static func period(at now: Instant, _ offset: Duration) -> (name: String, from: Instant, until: Instant) {
        let hour: Int64 = 3_600_000
        let local = now.ms + offset.ms
        let midnight = now.ms - local % (24 * hour)
        switch local % (24 * hour) / hour {
        case 0..<4: return ("Tonight", now, Instant(ms: midnight + 6 * hour))
        case 4..<15: return ("Today", now, Instant(ms: midnight + 18 * hour))
        default: return ("Tonight", max(now, Instant(ms: midnight + 18 * hour)), Instant(ms: midnight + 30 * hour))
        }
    }

    private static func time(_ instant: Instant, _ offset: Duration) -> String {
        String(decoding: RFC3339.format(ms: (instant + offset).ms).utf8.dropFirst(11).prefix(5), as: UTF8.self)
    }

    private static func day(_ instant: Instant, _ offset: Duration) -> String {
        String(decoding: RFC3339.format(ms: (instant + offset).ms).utf8.prefix(10), as: UTF8.self)
    }
}
