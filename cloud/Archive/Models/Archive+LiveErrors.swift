internal import Measures
internal import Wire

/// The errors that devices report of their own forecasts.
extension Archive {
    /// Sums over the devices that forecast with one release, at one lead time; errors in thousandths of a percent.
    package struct LiveErrors: Sendable, Equatable {
        package var targets: Int64 = 0
        package var absoluteError = 0.0
        package var persistenceError = 0.0

        package init(targets: Int64 = 0, absoluteError: Double = 0, persistenceError: Double = 0) {
            (self.targets, self.absoluteError, self.persistenceError) = (targets, absoluteError, persistenceError)
        }
    }

    private static let devicesPerPage: Int64 = 500

    /// Errors of a release by lead time, from the last report of each device that is not revoked. A damaged report is skipped.
    package func liveErrors(of counter: UInt64) async throws -> [Duration: LiveErrors] {
        var errors: [Duration: LiveErrors] = [:]
        var last: Int64 = -1
        while true {
            let rows = try database.rows(
                "SELECT id, report FROM device WHERE id > ? AND report IS NOT NULL AND revoked_at_ms IS NULL ORDER BY id LIMIT ?", last,
                Archive.devicesPerPage)
            for row in rows {
                last = row.integer(0)
                guard let report = try? ReportCoding.report(row.bytes(1)[...]) else { continue }
                for score in report.scores where score.releaseCounter == counter && score.count > 0 && score.count < 1 << 32 {
                    errors[.seconds(score.leadTimeSeconds), default: LiveErrors()].add(score)
                }
            }
            guard rows.count == Int(Archive.devicesPerPage) else { return errors }
            try Task.checkCancellation()
            await Task.yield()
        }
    }
}

extension Archive.LiveErrors {
    fileprivate mutating func add(_ score: LiveScore) {
        targets += score.count
        absoluteError += Double(score.count) * Double(score.absoluteErrorMpct)
        persistenceError += Double(score.count) * Double(score.persistenceErrorMpct)
    }
}
