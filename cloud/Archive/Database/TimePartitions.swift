internal import Measures
internal import Postgres
internal import Runtime

/// A table in PostgreSQL that is partitioned by months or years. The default partition stores all rows that belong to no other partition.
struct TimePartitions {
    struct Partition: Sendable, Equatable {
        let name: String
        let months: Range<LogMonth>
    }

    let table: String
    let column: String  // a time in milliseconds since 1970
    private let isYearly: Bool

    /// The log has a partition for each month of arrival.
    static let batches = TimePartitions(table: "batch", column: "received_at_ms", isYearly: false)
    /// Observations have a partition for each year.
    static let observations = TimePartitions(table: "observation_bin", column: "valid_at_ms", isYearly: true)

    static let all = [batches, observations]

    /// The times of a span that a right clock can have given; `nil` if there are none. Rows with other times get no partition of their own.
    static func plausible(_ first: Instant, _ last: Instant) -> ClosedRange<Instant>? {
        let (first, last) = (max(first, ClockDiscipline.earliest), min(last, WallClock.now + .seconds(86_400)))
        return first <= last ? first...last : nil
    }

    /// The maximum number of partitions for one span. The default partition stores rows after the last partition.
    private static let limit = 240

    /// The partitions for all times of a span.
    func partitions(for span: ClosedRange<Instant>) -> [Partition] {
        var partitions: [Partition] = []
        var month = LogMonth(of: span.lowerBound)
        if isYearly { month = LogMonth(number: month.year * 12) }
        while month.start <= span.upperBound, partitions.count < TimePartitions.limit {
            let next = LogMonth(number: month.number + (isYearly ? 12 : 1))
            partitions.append(Partition(name: "\(table)_\(isYearly ? "\(month.year)" : "\(month)")", months: month..<next))
            month = next
        }
        return partitions
    }

    /// The names of the partitions that exist.
    func existing(_ connection: PostgresConnection) throws -> Set<String> {
        let rows = try connection.query(
            "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '\(table)'::regclass")
        var names: Set<String> = []
        for row in 0..<rows.count { names.insert(try rows.text(row, 0)) }
        return names
    }

    /// Creates the partitions for a span that do not exist. Call inside a transaction.
    func createMissing(for span: ClosedRange<Instant>?, _ connection: PostgresConnection) throws {
        guard let span else { return }
        let existing = try existing(connection)
        for partition in partitions(for: span) where !existing.contains(partition.name) { try create(partition, connection) }
    }

    /// Creates a partition. Rows that were stored in the default partition, but belong to the new partition, are moved. Call this function inside a
    /// transaction.
    private func create(_ partition: Partition, _ connection: PostgresConnection) throws {
        let (first, end) = (partition.months.lowerBound.start.ms, partition.months.upperBound.start.ms)
        // ATTACH is used because it does not block queries on other partitions; CREATE TABLE … PARTITION OF blocks them.
        try connection.execute(
            """
            LOCK TABLE \(table)_other IN ACCESS EXCLUSIVE MODE;  -- waits for running transactions: a row that one of them commits later would not be moved
            CREATE TABLE \(partition.name) (LIKE \(table) INCLUDING DEFAULTS);
            WITH moved AS (DELETE FROM \(table)_other WHERE \(column) >= \(first) AND \(column) < \(end) RETURNING *)
                INSERT INTO \(partition.name) SELECT * FROM moved;
            ALTER TABLE \(table) ATTACH PARTITION \(partition.name) FOR VALUES FROM (\(first)) TO (\(end));
            """)
    }
}
