internal import Measures
package import Watch

/// Daily sums of live errors, from which the health of a model is judged, and the newest judgement.
extension Archive {
    /// The newest day for which devices have reported errors of a release.
    package func newestLiveDay(of release: UInt64) throws -> Int64? {
        try database.integer("SELECT MAX(day) FROM live_score WHERE release = ?", Int64(bitPattern: release))
    }

    /// Sums by lead time and day, oldest first, without sensors in quarantine.
    /// - Parameter release: `nil`: all releases.
    package func modelDays(of release: UInt64?, days: ClosedRange<Int64>) throws -> [Duration: [ModelHealth.Day]] {
        var found: [Duration: [ModelHealth.Day]] = [:]
        let condition = release == nil ? "" : "l.release = ? AND "
        try database.forEachRow(
            """
            SELECT l.lead_s, l.day, CAST(SUM(l.targets) AS DOUBLE PRECISION), CAST(SUM(l.error_mpct) AS DOUBLE PRECISION),
                CAST(SUM(l.persistence_mpct) AS DOUBLE PRECISION), CAST(SUM(l.climatology_mpct) AS DOUBLE PRECISION),
                CAST(SUM(l.covered) AS DOUBLE PRECISION)
            FROM live_score l WHERE \(condition)l.day >= ? AND l.day <= ? AND NOT EXISTS (
                SELECT 1 FROM quarantine q JOIN sensor s ON s.device = q.device AND s.id = q.sensor
                WHERE q.device = l.device AND s.name = l.sensor AND q.from_day <= l.day AND (q.until_day IS NULL OR q.until_day > l.day))
            GROUP BY l.lead_s, l.day ORDER BY l.lead_s, l.day
            """,
            (release.map { [.integer(Int64(bitPattern: $0))] } ?? []) + [.integer(days.lowerBound), .integer(days.upperBound)]
        ) { row in
            found[.seconds(row.integer(0)), default: []].append(
                ModelHealth.Day(
                    day: row.integer(1), targets: row.double(2), error: row.double(3), persistenceError: row.double(4),
                    climatologyError: row.double(5), covered: row.double(6)))
            return true
        }
        return found
    }

    package struct ModelJudgement: Sendable, Equatable {
        package let release: UInt64
        package let lead: Duration
        package let day: Int64
        package let health: ModelHealth
    }

    /// Replaces the judgement of a release.
    package func store(_ health: [Duration: ModelHealth], of release: UInt64, day: Int64) throws {
        try database.transaction {
            try database.run("DELETE FROM model_health")
            try database.changeEach(
                "INSERT INTO model_health (release, lead_s, day, state, targets, skill, expected, coverage) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                health.map { lead, health in
                    [
                        .integer(Int64(bitPattern: release)), .integer(lead.wholeSeconds), .integer(day), .text(health.state.rawValue),
                        .real(health.targets), health.skill.databaseValue, health.expected.databaseValue, health.coverage.databaseValue,
                    ]
                })
        }
    }

    /// The last judgement, by lead time.
    package func modelJudgements() throws -> [ModelJudgement] {
        try database.rows(
            "SELECT release, lead_s, day, state, targets, skill, expected, coverage FROM model_health ORDER BY lead_s"
        ).map { row in
            var health = ModelHealth()
            health.state = ModelHealth.State(rawValue: row.text(3)) ?? .unknown
            health.targets = row.double(4)
            health.skill = row.isNull(5) ? nil : row.double(5)
            health.expected = row.isNull(6) ? nil : row.double(6)
            health.coverage = row.isNull(7) ? nil : row.double(7)
            return ModelJudgement(
                release: UInt64(bitPattern: row.integer(0)), lead: .seconds(row.integer(1)), day: row.integer(2), health: health)
        }
    }
}
