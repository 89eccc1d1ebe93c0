internal import Evaluation
internal import Forecasting
internal import Glibc
internal import Measures
internal import SQLite
package import Wire

/// Live errors: sums over forecasts whose target time has passed.
package struct ScoreTable {
    static let onConflict = """
        ON CONFLICT DO UPDATE SET count = count + excluded.count, absolute_error = absolute_error + excluded.absolute_error,
            persistence_error = persistence_error + excluded.persistence_error,
            climatology_error = climatology_error + excluded.climatology_error, pinball = pinball + excluded.pinball,
            covered = covered + excluded.covered
        """

    private let database: Connection
    /// Read from the table once after each change: each report to the cloud contains the sums, and a year of scores is thousands of rows.
    private var cached: [ScoreSum]?

    init(_ database: Connection) { self.database = database }

    /// Scores the forecasts whose target is this observation.
    mutating func add(_ observation: Observation, of sensor: Int64, _ forecasts: ForecastTable) throws {
        cached = nil
        let validAt = observation.validAt
        for leadTime in ForecastShape.scored {
            // Skip a forecast that cannot be decoded, so that readings are stored anyway.
            guard let due = try? forecasts.forecast(of: sensor, origin: validAt - leadTime, leadTime: leadTime),
                let lead = due.forecast.leadTimes.firstIndex(of: leadTime)
            else { continue }
            var score = Score()
            score.add(ForecastLoss(of: due.forecast, lead: lead, actual: observation.humidity.percent))
            try database.run(
                "INSERT INTO score VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \(Self.onConflict)", validAt.ms / 86_400_000,
                Int64(bitPattern: due.releaseCounter), sensor, leadTime.wholeSeconds, score.count, score.absoluteError, score.persistenceError,
                score.climatologyError, score.pinball, score.covered)
        }
    }

    mutating func clearCache() { cached = nil }

    /// Live errors of the last four releases, by release and lead time.
    /// - Parameter sensor: `nil` for all sensors together.
    package mutating func live(sensor: Int64? = nil) throws -> [LiveScore] {
        var scores: [ScoreSum] = []
        for sum in try sums() where sensor == nil || sum.sensor == sensor {
            if let last = scores.indices.last, scores[last].release == sum.release, scores[last].leadTimeSeconds == sum.leadTimeSeconds {
                scores[last].score += sum.score
            } else {
                scores.append(sum)
            }
        }
        return scores.map(\.live)
    }

    /// One sum over all days for each release, lead time and sensor, in this order.
    private mutating func sums() throws -> [ScoreSum] {
        if let cached { return cached }
        var select = try database.prepare(
            """
            SELECT release, lead_time_s, sensor, TOTAL(count), TOTAL(absolute_error), TOTAL(persistence_error), TOTAL(climatology_error),
                TOTAL(covered)
            FROM score WHERE release IN (SELECT DISTINCT release FROM score ORDER BY release DESC LIMIT 4)
            GROUP BY release, lead_time_s, sensor ORDER BY release, lead_time_s, sensor
            """)
        var sums: [ScoreSum] = []
        while try select.step() {
            // Rows of this table have no checksum, so a damaged row may hold any number. A number that Int64 cannot hold would end the program.
            let score = Score(
                count: Int64(max(1, min(1e15, select.double(3)))), absoluteError: select.double(4), persistenceError: select.double(5),
                climatologyError: select.double(6), covered: Int64(max(0, min(1e15, select.double(7)))))
            sums.append(
                ScoreSum(
                    release: UInt64(bitPattern: select.integer(0)), sensor: select.integer(2), leadTimeSeconds: select.integer(1), score: score))
        }
        cached = sums
        return sums
    }
}

/// The score of one release, sensor and lead time over all days.
private struct ScoreSum {
    let release: UInt64
    let sensor: Int64
    let leadTimeSeconds: Int64
    var score: Score

    var live: LiveScore {
        func thousandths(_ value: Double?, upTo limit: Double = 100_000) -> Int64 { Int64(max(0, min(limit, (value ?? 0) * 1_000)).rounded()) }
        return LiveScore(
            releaseCounter: release, leadTimeSeconds: leadTimeSeconds, count: score.count, absoluteErrorMpct: thousandths(score.meanAbsoluteError),
            persistenceErrorMpct: thousandths(score.meanPersistenceError), climatologyErrorMpct: thousandths(score.meanClimatologyError),
            coveredPpm: thousandths(score.coverage.map { $0 * 1_000 }, upTo: 1e6))
    }
}
