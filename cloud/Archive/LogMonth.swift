internal import Measures
internal import Text

/// A calendar month in UTC. `log_month` counts batches by the month of arrival. In PostgreSQL, each month of arrival is a partition.
struct LogMonth: Sendable, Hashable, Comparable {
    /// year * 12 + month - 1, so that the next month has the next number.
    let number: Int64

    init(number: Int64) { self.number = number }

    init(of instant: Instant) {
        let (year, month) = RFC3339.month(ms: instant.ms)
        number = year * 12 + month - 1
    }

    static func < (a: LogMonth, b: LogMonth) -> Bool { a.number < b.number }

    var year: Int64 { number / 12 }
    var start: Instant { Instant(ms: RFC3339.start(ofMonth: number % 12 + 1, year: year)) }
}

extension LogMonth: CustomStringConvertible {
    /// The format is `2026_11`: the names of PostgreSQL partitions end with it.
    var description: String { number % 12 < 9 ? "\(year)_0\(number % 12 + 1)" : "\(year)_\(number % 12 + 1)" }
}
