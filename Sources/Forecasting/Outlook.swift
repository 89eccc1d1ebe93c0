package import Measures

/// For each threshold: whether, when and how probably the forecast crosses it within the next 24 h.
package struct Outlook: Sendable, Equatable {
    package static let window: Duration = .seconds(24 * 3_600)

    /// One threshold's forecast within the window.
    package struct ThresholdOutlook: Sendable, Equatable {
        package enum Verdict: Sendable, Equatable {
            case likely  // at least 0.5 at some lead time
            case possible  // at least 0.05 (the outermost quantile) at some lead time
            case unlikely  // below 0.05 at every lead time
        }

        package let threshold: HumidityThreshold
        package let verdict: Verdict
        package let isBeyondNow: Bool  // the last observation is beyond the threshold
        /// The first lead time of the spell beyond the threshold, or now. A spell is consecutive lead times with the same verdict. `nil` if the
        /// crossing is unlikely.
        package let from: Instant?
        /// The first lead time after that spell. `nil` if the spell lasts to the end of the window, or if there is no spell.
        package let until: Instant?
        /// The highest probability at any single lead time of the spell. If the crossing is unlikely, there is no spell: the highest of the whole
        /// window.
        package let peak: Exceedance
    }

    package let now: Instant
    package let prospects: [ThresholdOutlook]  // sorted by verdict (likely first), then by `from`
    private let leads: [(at: Instant, low: Double, high: Double)]

    /// - Parameters:
    ///   - forecast: made from observations up to about `now`.
    ///   - present: the newest value; `nil`: the forecast's last observation is used.
    package init(
        _ forecast: QuantileForecast, thresholds: [HumidityThreshold], of sensor: SensorName, present: RelativeHumidity? = nil, now: Instant
    ) {
        self.now = now
        let ahead = forecast.leadTimes.indices.filter { lead in
            let at = forecast.origin + forecast.leadTimes[lead]
            return at > now && at <= now + Outlook.window
        }
        leads = ahead.map { lead in
            (
                forecast.origin + forecast.leadTimes[lead], forecast.humidity(lead: lead, level: ForecastShape.lowLevel),
                forecast.humidity(lead: lead, level: ForecastShape.highLevel)
            )
        }
        let applicable = thresholds.filter { $0.sensor ?? sensor == sensor }
        prospects = applicable.compactMap { Outlook.prospect($0, forecast, ahead, present ?? forecast.now, now) }
            .sorted { ($0.verdict.rank, $0.from ?? now) < ($1.verdict.rank, $1.from ?? now) }
    }

    package static func == (a: Outlook, b: Outlook) -> Bool {
        a.now == b.now && a.prospects == b.prospects && a.leads.elementsEqual(b.leads, by: ==)
    }

    /// The time from now to the last lead time in the window. It is shorter than the window if the forecast's origin is some steps old.
    package var coveredDuration: Duration { leads.last.map { $0.at - now } ?? .zero }

    /// The lowest lower end and the highest upper end of the 80 % intervals in a span of time, in %. `nil` if the span contains no lead time.
    package func range(from: Instant, until: Instant) -> ClosedRange<Double>? {
        let within = leads.filter { $0.at > from && $0.at <= until }
        guard let low = within.map(\.low).min(), let high = within.map(\.high).max() else { return nil }
        return low...max(low, high)
    }

    private static func prospect(
        _ threshold: HumidityThreshold, _ forecast: QuantileForecast, _ ahead: [Int], _ present: RelativeHumidity, _ now: Instant
    )
        -> ThresholdOutlook?
    {
        let all = ahead.map { lead in
            let row = lead * ForecastShape.levels.count
            return Exceedance(of: threshold, values: forecast.humidity[row..<(row + ForecastShape.levels.count)], levels: ForecastShape.levels)
        }
        guard let greatest = all.max(by: { $0.probability < $1.probability }) else { return nil }
        let isBeyondNow = threshold.isBeyond(present.percent)
        let verdict: ThresholdOutlook.Verdict = greatest.probability >= 0.5 ? .likely : greatest.bound != .atMost ? .possible : .unlikely
        func isIn(_ exceedance: Exceedance) -> Bool { verdict == .likely ? exceedance.probability >= 0.5 : exceedance.bound != .atMost }
        // A likely crossing reports its first spell; a possible crossing reports its most probable spell.
        guard verdict != .unlikely, let inside = verdict == .likely ? all.firstIndex(where: isIn) : all.firstIndex(of: greatest) else {
            return ThresholdOutlook(threshold: threshold, verdict: .unlikely, isBeyondNow: isBeyondNow, from: nil, until: nil, peak: greatest)
        }
        let first = all[..<inside].lastIndex { !isIn($0) }.map { $0 + 1 } ?? 0
        let end = all[inside...].firstIndex { !isIn($0) }
        let spell = all[first..<(end ?? all.endIndex)]
        func at(_ index: Int) -> Instant { forecast.origin + forecast.leadTimes[ahead[index]] }
        return ThresholdOutlook(
            threshold: threshold, verdict: verdict, isBeyondNow: isBeyondNow, from: isBeyondNow && first == 0 ? now : at(first),
            until: end.map(at), peak: spell.max { $0.probability < $1.probability } ?? greatest)
    }
}

extension Outlook.ThresholdOutlook.Verdict {
    package var name: String {
        switch self {
        case .likely: "likely"
        case .possible: "possible"
        case .unlikely: "unlikely"
        }
    }

    fileprivate var rank: Int {
        switch self {
        case .likely: 0
        case .possible: 1
        case .unlikely: 2
        }
    }
}
