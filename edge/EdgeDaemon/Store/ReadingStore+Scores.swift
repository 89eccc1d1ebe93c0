internal import Glibc
internal import SQLite
package import Wire

/// Live errors: sums over forecasts whose target time has passed.
extension ReadingStore {
    /// The sums of one release, sensor and lead time over all days.
    struct ScoreSum {
        let release: UInt64
        let sensor: Int64
        let leadTimeSeconds: Int64
        var count: Double
        var errors: [Double]  // sums of absolute errors in %RH: forecast, persistence, climatology
        var covered: Double

        mutating func add(_ other: ScoreSum) {
            count += other.count
            covered += other.covered
            for place in errors.indices { errors[place] += other.errors[place] }
        }

        var score: LiveScore {
            // The sums have no checksum, so a corrupt row can hold any number: clamp.
            func whole(_ value: Double, upTo limit: Double) -> Int64 { Int64(max(0, min(limit, value)).rounded()) }
            let number = max(1, count)
            let means = errors.map { whole($0 / number * 1_000, upTo: 100_000) }
            return LiveScore(
                releaseCounter: release, leadTimeSeconds: leadTimeSeconds, count: whole(number, upTo: 1e15), absoluteErrorMpct: means[0],
                persistenceErrorMpct: means[1], climatologyErrorMpct: means[2], coveredPpm: whole(covered / number * 1e6, upTo: 1e6))
        }
    }

    /// Live errors by release and lead time, the last four releases.
    /// - Parameter sensor: `nil` for all of them together.
    package func liveScores(sensor: Int64? = nil) throws -> [LiveScore] {
        var scores: [ScoreSum] = []
        for sum in try sums() where sensor == nil || sum.sensor == sensor {
            if let last = scores.indices.last, scores[last].release == sum.release, scores[last].leadTimeSeconds == sum.leadTimeSeconds {
                scores[last].add(sum)
            } else {
                scores.append(sum)
            }
        }
        return scores.map(\.score)
    }

    /// By release, lead time and sensor. Read once after each change: every batch brings a report, and a year of scores is thousands of rows.
    private func sums() throws -> [ScoreSum] {
        if let scoreSums { return scoreSums }
        var select = try database.prepare(
            """
            SELECT release, lead_time_s, sensor, TOTAL(count), TOTAL(absolute_error), TOTAL(persistence_error), TOTAL(climatology_error),
                TOTAL(covered)
            FROM score WHERE release IN (SELECT DISTINCT release FROM score ORDER BY release DESC LIMIT 4)
            GROUP BY release, lead_time_s, sensor ORDER BY release, lead_time_s, sensor
            """)
        var sums: [ScoreSum] = []
        while try select.step() {
            sums.append(
                ScoreSum(
                    release: UInt64(bitPattern: select.integer(0)), sensor: select.integer(2), leadTimeSeconds: select.integer(1),
                    count: select.double(3), errors: [select.double(4), select.double(5), select.double(6)], covered: select.double(7)))
        }
        scoreSums = sums
        return sums
    }
}
