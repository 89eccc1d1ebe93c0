internal import Forecasting
package import Measures
internal import Text

/// The inputs of an outlook besides the forecast: the device's thresholds, the sensor's condition and step, the device's time, and the UTC
/// offset for times of day.
package struct OutlookContext: Sendable {
    package var thresholds: [HumidityThreshold]  // of the device
    package var condition: SensorCondition
    package var step: Duration
    package var present: RelativeHumidity?  // the newest value
    package var now: Instant  // by the device's own clock
    package var offset: Duration  // UTC offset of the reader's clock

    package static let offsets: ClosedRange<Int64> = -86_400...86_400  // the accepted values of `offset`, in seconds

    package init(
        thresholds: [HumidityThreshold], condition: SensorCondition, step: Duration, present: RelativeHumidity?, now: Instant, offset: Duration
    ) {
        self.present = present
        self.thresholds = thresholds
        self.condition = condition
        self.step = step
        self.now = now
        self.offset = offset
    }

    func write(_ forecast: QuantileForecast, of sensor: SensorName, to json: inout JSONWriter) {
        json.field(
            "text", OutlookText.text(forecast, thresholds, sensor: sensor, condition, step: step, present: present, now: now, offset: offset))
        let isCurrent = condition.state.isPresent && forecast.isFresh(at: now, step: step)
        json.field("of_now", isCurrent)
        json.array("thresholds") { json in
            guard isCurrent else { return }
            for prospect in Outlook(forecast, thresholds: thresholds, of: sensor, present: present, now: now).prospects {
                json.object { json in OutlookContext.write(prospect, to: &json) }
            }
        }
    }

    private static func write(_ prospect: Outlook.ThresholdOutlook, to json: inout JSONWriter) {
        json.field("rule", prospect.threshold.rule)
        json.field("direction", prospect.threshold.isAbove ? "above" : "below")
        json.field("humidity_pct", prospect.threshold.percent, places: 3)
        json.field("verdict", prospect.verdict.name)
        json.field("beyond_now", prospect.isBeyondNow)
        json.field("from", prospect.from.map { RFC3339.format(ms: $0.ms) })
        json.field("until", prospect.until.map { RFC3339.format(ms: $0.ms) })
        json.field("probability", prospect.peak.probability, places: 3)
        let bound =
            switch prospect.peak.bound {
            case .exact: "exact"
            case .atLeast: "at_least"
            case .atMost: "at_most"
            }
        json.field("probability_is", bound)
    }
}
