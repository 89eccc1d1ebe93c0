internal import Forecasting
internal import Measures
internal import Glibc
internal import SQLite
internal import Wire

/// The errors of the release in use beside those of its rival for the same targets: sums by day, release, rival, sensor and lead time.
package struct ComparisonTable {
    static let onConflict = """
        ON CONFLICT DO UPDATE SET count = count + excluded.count, error = error + excluded.error, rival_error = rival_error + excluded.rival_error,
            persistence_error = persistence_error + excluded.persistence_error
        """

    /// The sums of one day; errors are absolute errors of the medians, in %RH.
    package struct DaySums: Sendable, Equatable {
        package let day: Int64  // of the targets, since 1970
        package let rival: UInt64
        package let sensor: Int64
        package let leadTimeSeconds: Int64
        package let count: Int64
        package let error: Double
        package let rivalError: Double
        package let persistenceError: Double

        package init(
            day: Int64, rival: UInt64, sensor: Int64, leadTimeSeconds: Int64, count: Int64, error: Double, rivalError: Double,
            persistenceError: Double
        ) {
            (self.day, self.rival, self.sensor, self.leadTimeSeconds, self.count) = (day, rival, sensor, leadTimeSeconds, count)
            (self.error, self.rivalError, self.persistenceError) = (error, rivalError, persistenceError)
        }
    }

    private let database: Connection

    init(_ database: Connection) { self.database = database }

    func add(_ comparison: ReleaseComparison, of sensor: Int64, at validAt: Instant) throws {
        for pair in comparison.errors {
            try database.run(
                "INSERT INTO comparison VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?) \(Self.onConflict)", validAt.ms / 86_400_000,
                Int64(bitPattern: comparison.release), Int64(bitPattern: comparison.rival), sensor, pair.leadTime.wholeSeconds, Double(pair.error),
                Double(pair.rivalError), Double(pair.persistenceError))
        }
    }

    /// The newest days of a release, oldest first. A damaged row is left out.
    /// - Parameter days: how many days back from the newest day with a target.
    package func newest(_ days: Int64, of release: UInt64) throws -> [DaySums] {
        var select = try database.prepare(
            """
            SELECT day, rival, sensor, lead_time_s, count, error, rival_error, persistence_error FROM comparison WHERE release = ?1
                AND day > (SELECT MAX(day) FROM comparison WHERE release = ?1) - ?2 ORDER BY day, sensor, lead_time_s
            """, Int64(bitPattern: release), days)
        var rows: [DaySums] = []
        while try select.step() {
            let row = DaySums(
                day: select.integer(0), rival: UInt64(bitPattern: select.integer(1)), sensor: select.integer(2), leadTimeSeconds: select.integer(3),
                count: select.integer(4), error: select.double(5), rivalError: select.double(6), persistenceError: select.double(7))
            let isSound =
                [row.error, row.rivalError, row.persistenceError].allSatisfy { (0...1e9).contains($0) } && (1...1_000_000).contains(row.count)
            if isSound { rows.append(row) }
        }
        return rows
    }

    /// The sums of one day, beside the newest rival of that day.
    func comparison(day: Int64, release: UInt64, sensor: Int64, leadTimeSeconds: Int64) throws -> DailyScore.Comparison? {
        var select = try database.prepare(
            """
            SELECT rival, count, error, rival_error FROM comparison WHERE day = ? AND release = ? AND sensor = ? AND lead_time_s = ?
            ORDER BY rival DESC LIMIT 1
            """, day, Int64(bitPattern: release), sensor, leadTimeSeconds)
        guard try select.step() else { return nil }
        func thousandths(_ column: Int32) -> Int64 { Int64(max(0, min(1e12, select.double(column) * 1_000)).rounded()) }
        return DailyScore.Comparison(
            rivalCounter: UInt64(bitPattern: select.integer(0)), count: select.integer(1), errorMpct: thousandths(2), rivalErrorMpct: thousandths(3))
    }

    func delete(of sensor: Int64, before limit: Instant) throws {
        try database.run("DELETE FROM comparison WHERE day < ? AND sensor = ?", limit.ms / 86_400_000, sensor)
    }
}
