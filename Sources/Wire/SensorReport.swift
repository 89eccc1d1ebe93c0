package import Measures

/// A device's report about one of its sensors.
package struct SensorReport: Sendable, Hashable {
    package var sensor: SensorName
    package var condition: SensorCondition
    package var newestAt: Instant?  // the time of the newest reading, valid or not
    package var rejectedMpct: Int32?  // the newest reading's humidity, if it is impossible for air
    package private(set) var scores: [LiveScore]  // of this sensor's forecasts with the release in use; at most `scoreLimit`

    package static let scoreLimit = 16

    package init(sensor: SensorName, condition: SensorCondition, newestAt: Instant?, rejectedMpct: Int32?, scores: [LiveScore] = []) {
        self.scores = Array(scores.prefix(SensorReport.scoreLimit))
        self.sensor = sensor
        self.condition = condition
        self.newestAt = newestAt
        self.rejectedMpct = rejectedMpct
    }
}
