internal import Glibc
package import Measures
internal import SQLite
package import Wire

/// The scores that are sent to the cloud, day by day, oldest first. The key of the last score that the cloud has acknowledged is kept in `meta`.
extension StoreTables {
    private static let reported = "scores_reported"
    /// A day's scores are sent when its last observations are complete.
    private static let grace: Duration = .seconds(3 * 3_600)

    /// The scores after the last acknowledged one, by day, release, sensor and lead time.
    package func unreportedScores(before now: Instant, limit: Int) throws -> [DailyScore] {
        let names = Dictionary(sensors.ids.map { ($0.value, $0.key) }) { first, _ in first }
        let last = try meta.value(Self.reported)?.split(separator: " ").compactMap { Int64($0) } ?? []
        let key = last.count == 4 ? last : [-1, 0, 0, 0]
        let lastDay = (now - Self.grace).ms / 86_400_000 - 1
        var select = try database.prepare(
            """
            SELECT day, release, sensor, lead_time_s, count, absolute_error, persistence_error, climatology_error, pinball, covered FROM score
            WHERE (day, release, sensor, lead_time_s) > (?, ?, ?, ?) AND day <= ? ORDER BY day, release, sensor, lead_time_s LIMIT ?
            """, key[0], key[1], key[2], key[3], lastDay, Int64(limit))
        var scores: [DailyScore] = []
        while try select.step() {
            guard let sensor = names[select.integer(2)] else { continue }
            func thousandths(_ column: Int32) -> Int64 { Int64(max(0, min(1e12, select.double(column) * 1_000)).rounded()) }
            var score = DailyScore(
                sensor: sensor, day: select.integer(0), releaseCounter: UInt64(bitPattern: select.integer(1)), leadTimeSeconds: select.integer(3),
                count: select.integer(4), absoluteErrorMpct: thousandths(5), persistenceErrorMpct: thousandths(6),
                climatologyErrorMpct: thousandths(7), pinballMpct: thousandths(8), covered: select.integer(9), comparison: nil)
            score.comparison = try comparisons.comparison(
                day: score.day, release: score.releaseCounter, sensor: select.integer(2), leadTimeSeconds: score.leadTimeSeconds)
            // A damaged row would make the cloud refuse the whole report.
            if score.isPlausible { scores.append(score) }
        }
        return scores
    }

    package func markReported(through score: DailyScore) throws {
        guard let sensor = sensors.ids[score.sensor] else { return }
        try meta.set(Self.reported, "\(score.day) \(Int64(bitPattern: score.releaseCounter)) \(sensor) \(score.leadTimeSeconds)")
    }
}
