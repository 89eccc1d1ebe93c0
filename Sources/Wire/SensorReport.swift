package import Measures

/// What a device says of one of its sensors.
package struct SensorReport: Sendable, Hashable {
    package var sensor: SensorName
    package var condition: SensorCondition
    package var newestAt: Instant?  // of the newest reading, good or not
    package var rejectedMpct: Int32?  // the newest reading's humidity, where it is no possible value
    package private(set) var scores: [LiveScore]  // of its own forecasts, by the release in use; at most `scoreLimit`

    package static let scoreLimit = 16

    package init(sensor: SensorName, condition: SensorCondition, newestAt: Instant?, rejectedMpct: Int32?, scores: [LiveScore] = []) {
        self.scores = Array(scores.prefix(SensorReport.scoreLimit))
        self.sensor = sensor
        self.condition = condition
        self.newestAt = newestAt
        self.rejectedMpct = rejectedMpct
    }
}
