internal import Forecasting
internal import Measures
internal import Wire

/// The errors that devices report of their own forecasts, by day.
extension Archive {
    /// The most rows of a device: 20 years of four sensors.
    static let liveScoresPerDevice: Int64 = 200_000
    private static let leadTimes = Set(ForecastShape.scored.map(\.wholeSeconds))

    /// Stores the daily scores of reports. Ignores scores of unknown sensors, scores of unknown lead times, and scores above the row limit of
    /// the device. A repeated day replaces the row of that day.
    func recordLiveScores(_ reports: [(device: Int64, scores: [DailyScore])], at now: Instant) throws {
        let latestDay = now.ms / 86_400_000 + 1
        for (device, scores) in reports where !scores.isEmpty {
            let names = try ledger(device).names
            let known = scores.filter { names.contains($0.sensor) && $0.day <= latestDay && Archive.leadTimes.contains($0.leadTimeSeconds) }
            let stored = try database.integer("SELECT live_scores FROM device WHERE id = ?", device) ?? 0
            let rows = known.prefix(max(0, Int(Archive.liveScoresPerDevice - stored)))
            guard !rows.isEmpty else { continue }
            let (firstDay, lastDay) = (rows.map(\.day).min() ?? 0, rows.map(\.day).max() ?? 0)
            func count() throws -> Int64 {
                try database.integer(
                    "SELECT COUNT(*) FROM live_score WHERE device = ? AND day >= ? AND day <= ?", device, firstDay, lastDay) ?? 0
            }
            let before = try count()
            try database.changeEach(
                """
                INSERT INTO live_score (device, sensor, day, release, lead_s, targets, error_mpct, persistence_mpct, climatology_mpct, pinball_mpct, covered,
                    rival, compared, compared_mpct, rival_mpct) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (device, sensor, day, release, lead_s) DO UPDATE SET targets = excluded.targets, error_mpct = excluded.error_mpct,
                    persistence_mpct = excluded.persistence_mpct, climatology_mpct = excluded.climatology_mpct, pinball_mpct = excluded.pinball_mpct,
                    covered = excluded.covered, rival = excluded.rival, compared = excluded.compared, compared_mpct = excluded.compared_mpct,
                    rival_mpct = excluded.rival_mpct
                """,
                rows.map { score in
                    [
                        .integer(device), .text(score.sensor.name), .integer(score.day), .integer(Int64(bitPattern: score.releaseCounter)),
                        .integer(score.leadTimeSeconds), .integer(score.count), .integer(score.absoluteErrorMpct),
                        .integer(score.persistenceErrorMpct),
                        .integer(score.climatologyErrorMpct), .integer(score.pinballMpct), .integer(score.covered),
                        (score.comparison.map { Int64(bitPattern: $0.rivalCounter) }).databaseValue, .integer(score.comparison?.count ?? 0),
                        .integer(score.comparison?.errorMpct ?? 0), .integer(score.comparison?.rivalErrorMpct ?? 0),
                    ]
                })
            let added = try count() - before  // a repeated day replaces its row
            try database.run("UPDATE device SET live_scores = live_scores + ? WHERE id = ?", added, device)
        }
    }

    /// Deletes rows of days before `day`.
    /// - Returns: whether all of them are deleted; one call deletes a limited number.
    package func deleteLiveScores(before day: Int64) throws -> Bool {
        try database.transaction {
            let rows = try database.rows(
                "SELECT device, COUNT(*) FROM live_score WHERE day < ? GROUP BY device ORDER BY device LIMIT ?", day, 100)
            for row in rows {
                try database.run("DELETE FROM live_score WHERE device = ? AND day < ?", row.integer(0), day)
                try database.run("UPDATE device SET live_scores = (SELECT COUNT(*) FROM live_score WHERE device = ?1) WHERE id = ?1", row.integer(0))
            }
            return rows.count < 100
        }
    }

    /// The sums of the errors of a release on one day, at the lead times of up to 24 h, over the given devices. Each error is divided by the mean error of
    /// persistence of its device, sensor and lead time, so that all of these have the same weight.
    package struct LiveDay: Sendable, Equatable {
        package let day: Int64
        package let targets: Int64  // without those of `compared`
        package let error: Double
        package let persistenceError: Double
        package let compared: Int64  // targets that the previous release has forecast in the shadow, too
        package let comparedError: Double
        package let rivalError: Double

        package init(
            day: Int64, targets: Int64, error: Double, persistenceError: Double, compared: Int64 = 0, comparedError: Double = 0,
            rivalError: Double = 0
        ) {
            (self.day, self.targets, self.error, self.persistenceError) = (day, targets, error, persistenceError)
            (self.compared, self.comparedError, self.rivalError) = (compared, comparedError, rivalError)
        }
    }

    /// The live errors of a release by day, oldest first.
    /// - Parameters:
    ///   - first: the first day, since 1970.
    ///   - rivals: the counters of the previous release. A comparison with another release does not count.
    ///   - isIncluded: whether the device counts.
    package func liveDays(of release: UInt64, from first: Int64, rivals: Set<UInt64> = [], isIncluded: @Sendable (Int64) -> Bool) throws -> [LiveDay]
    {
        struct Series: Hashable { let device: Int64, sensor: String, lead: Int64 }
        struct Row { let series: Series, day: Int64, values: [Double] }
        var rows: [Row] = []
        var scales: [Series: (error: Double, targets: Double)] = [:]
        try database.forEachRow(
            """
            SELECT device, sensor, lead_s, day, targets, error_mpct, persistence_mpct, compared, compared_mpct, rival_mpct, rival FROM live_score
            WHERE release = ? AND day >= ? AND lead_s <= 86400 ORDER BY device, sensor, day, lead_s LIMIT \(Archive.liveRowsRead)
            """, [.integer(Int64(bitPattern: release)), .integer(first)]
        ) { row in
            guard isIncluded(row.integer(0)) else { return true }
            let series = Series(device: row.integer(0), sensor: row.text(1), lead: row.integer(2))
            let old = scales[series] ?? (0, 0)
            scales[series] = (old.error + Double(row.integer(6)), old.targets + Double(row.integer(4)))
            let isCompared = row.integer(7) > 0 && row.optionalInteger(10).map { rivals.contains(UInt64(bitPattern: $0)) } == true
            let values = (4...9).map { Double(row.integer($0)) }
            rows.append(Row(series: series, day: row.integer(3), values: isCompared ? [0, 0, 0] + values[3...] : values[..<3] + [0, 0, 0]))
            return true
        }
        var days: [Int64: [Double]] = [:]
        for row in rows {
            guard let scale = scales[row.series], scale.targets > 0 else { continue }
            let unit = max(Archive.minimumUnit, scale.error / scale.targets)
            let parts = [row.values[0], row.values[1] / unit, row.values[2] / unit, row.values[3], row.values[4] / unit, row.values[5] / unit]
            days[row.day] = zip(days[row.day] ?? [0, 0, 0, 0, 0, 0], parts).map(+)
        }
        return days.sorted { $0.key < $1.key }.map { day, sums in
            LiveDay(
                day: day, targets: Int64(sums[0]), error: sums[1], persistenceError: sums[2], compared: Int64(sums[3]), comparedError: sums[4],
                rivalError: sums[5])
        }
    }
    private static let minimumUnit = 200.0  // 0.2 %RH: a sensor that hardly changes must not outweigh the others
    /// Reads at most this many rows, lowest device ids first: 200,000 rows are 30 days of over 1,000 sensors.
    private static let liveRowsRead = 200_000
}
