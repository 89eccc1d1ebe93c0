package import Measures

/// A device's report about itself, sent with a batch.
package struct DeviceReport: Sendable, Hashable {
    package static let scoreLimit = 256
    package static let refusalLimit = 800  // bytes
    package static let alertLimit = 32
    package static let thresholdLimit = 32
    package static let rejectionLimit = 8

    package var release: ReleaseReference?  // nil: the device forecasts with the damped anomaly
    package var backlog: Int64  // rows not yet acknowledged
    package var evicted: Int64  // readings discarded before delivery, since the store was created
    package var refused: Int64  // rows that the cloud refused, since the store was created
    package var clock: ClockQuality
    package var scores: [LiveScore]
    package private(set) var releaseRefusal: String?  // why the device refused the last offered release
    package private(set) var alerts: [ThresholdAlert]  // active alerts; at most the first `alertLimit`
    package private(set) var sensors: [SensorReport]  // empty: an earlier program version, which does not report sensors
    package private(set) var thresholds: [HumidityThreshold]  // from the device's rules
    package private(set) var settings: SettingsReport?  // nil: the device takes no settings from the cloud
    package private(set) var rejections: [ReleaseRejection]  // releases that the device has rejected; the newest `rejectionLimit`
    package private(set) var dailyScores: [DailyScore]  // of days that the cloud has not acknowledged yet; at most the first `DailyScore.reportLimit`

    package init(
        release: ReleaseReference?, backlog: Int64, evicted: Int64, refused: Int64, clock: ClockQuality, scores: [LiveScore],
        releaseRefusal: String? = nil,
        alerts: [ThresholdAlert] = [], sensors: [SensorReport] = [], thresholds: [HumidityThreshold] = [],
        rejections: [ReleaseRejection] = [], dailyScores: [DailyScore] = [], settings: SettingsReport? = nil
    ) {
        self.settings = settings
        self.rejections = Array(rejections.suffix(Self.rejectionLimit))
        self.dailyScores = Array(dailyScores.prefix(DailyScore.reportLimit))
        self.sensors = Array(sensors.prefix(BatchFormat.sensorLimit))
        // With a longer rule name the cloud would refuse the whole report.
        self.thresholds = Array(thresholds.filter { $0.rule.utf8.count <= 64 }.prefix(Self.thresholdLimit))
        self.alerts = Array(alerts.prefix(Self.alertLimit))
        self.release = release
        self.backlog = backlog
        self.evicted = evicted
        self.refused = refused
        self.clock = clock
        self.scores = scores
        self.releaseRefusal = releaseRefusal.flatMap { $0.isEmpty ? nil : $0.truncated(toBytes: DeviceReport.refusalLimit) }
    }

    /// The report without the daily scores, which the cloud keeps as rows of their own.
    package var withoutDailyScores: DeviceReport {
        var report = self
        report.dailyScores = []
        return report
    }
}
