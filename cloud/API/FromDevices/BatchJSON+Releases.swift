internal import Measures
internal import Wire

/// Decodes a device's report about releases: the releases that the device has rejected, and the daily errors of its forecasts.
extension BatchJSON.ReportJSON {
    struct RejectionJSON: Decodable {
        let release: ReleaseJSON
        let reason: String
        let at_ms: Int64
        let detail: String
    }

    struct DailyScoreJSON: Decodable {
        let sensor: String
        let day: Int64
        let release_counter: UInt64
        let lead_time_s: Int64
        let count: Int64
        let absolute_error_mpct: Int64
        let persistence_error_mpct: Int64
        let climatology_error_mpct: Int64
        let pinball_mpct: Int64
        let covered: Int64
        let comparison: ComparisonJSON?
    }

    struct ComparisonJSON: Decodable {
        let rival_counter: UInt64
        let count: Int64
        let error_mpct: Int64
        let rival_error_mpct: Int64
    }

    func releaseRejections() throws(BatchRefusal) -> [ReleaseRejection] {
        try rejections.enumerated().map { (index, rejection) throws(BatchRefusal) in
            let field = "rejected_releases/\(index)"
            guard let reason = ReleaseRejection.Reason(name: rejection.reason) else {
                throw BatchJSON.malformed(
                    "/report/\(field)/reason", "expected one of \(ReleaseRejection.Reason.allCases.map(\.name).joined(separator: ", "))")
            }
            let at = Instant(ms: rejection.at_ms)
            guard Instant.valid.contains(at), rejection.detail.utf8.count <= ReleaseRejection.detailLimit else {
                throw BatchJSON.malformed(
                    "/report/\(field)", "at_ms is up to the year 2199, detail has at most \(ReleaseRejection.detailLimit) bytes")
            }
            return ReleaseRejection(release: try rejection.release.reference("\(field)/release"), reason: reason, at: at, detail: rejection.detail)
        }
    }

    func sensorScores() throws(BatchRefusal) -> [DailyScore] {
        try dailyScores.enumerated().map { (index, score) throws(BatchRefusal) in
            guard let sensor = SensorName(score.sensor) else {
                throw BatchJSON.malformed("/report/daily_scores/\(index)/sensor", "a sensor's name is \(SensorName.syntax)")
            }
            let comparison = score.comparison.map {
                DailyScore.Comparison(
                    rivalCounter: $0.rival_counter, count: $0.count, errorMpct: $0.error_mpct, rivalErrorMpct: $0.rival_error_mpct)
            }
            let known = DailyScore(
                sensor: sensor, day: score.day, releaseCounter: score.release_counter, leadTimeSeconds: score.lead_time_s, count: score.count,
                absoluteErrorMpct: score.absolute_error_mpct, persistenceErrorMpct: score.persistence_error_mpct,
                climatologyErrorMpct: score.climatology_error_mpct, pinballMpct: score.pinball_mpct, covered: score.covered, comparison: comparison)
            guard known.isPlausible else {
                throw BatchJSON.malformed(
                    "/report/daily_scores/\(index)", "a number is out of range: a day has at most 1440 targets, an error at most 100 %")
            }
            return known
        }
    }
}
