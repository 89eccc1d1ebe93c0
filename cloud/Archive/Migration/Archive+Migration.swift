internal import Measures
internal import Signing

/// Functions of an archive that `ArchiveMigration` calls.
extension Archive {
    /// - Throws: `MigrationFailure` if this archive has rows that do not come from an unfinished migration of `source`.
    func beginMigration(from source: String) throws {
        try database.transaction {
            if let unfinished = try database.row("SELECT source FROM migration WHERE id = 1") {
                guard unfinished.text(0) == source else {
                    throw MigrationFailure(
                        description: "\(store) has an unfinished migration from \(unfinished.text(0)): finish that one first")
                }
                return
            }
            guard try !isInUse() && signingKey() == nil else {
                throw MigrationFailure(description: "\(store) already holds an archive: choose an empty database or folder")
            }
            try database.run("INSERT INTO migration (id, source) VALUES (1, ?)", source)
        }
    }

    func endMigration() throws {
        try database.transaction {
            try database.restartIdentities(ArchiveTable.all.filter(\.hasIdentity).map(\.name))
            try database.run("DELETE FROM migration")
        }
    }

    /// - Throws: `ArchiveFault.unfinishedMigration` if `vaho-cloud migrate` has not copied everything yet.
    package func checkMigration() throws {
        guard let row = try database.row("SELECT source FROM migration WHERE id = 1") else { return }
        throw ArchiveFault.unfinishedMigration(from: row.text(0))
    }

    func lastKey(of table: ArchiveTable) throws -> [DatabaseValue]? {
        try database.row(table.selectLastKey).map { row in (0..<row.count).map { row[$0] } }
    }

    /// The rows after a key, at most `limit`. When the bodies have `bytes` bytes together, the function returns no further row.
    func rows(of table: ArchiveTable, after key: [DatabaseValue]?, limit: Int, bytes: Int) throws -> [[DatabaseValue]] {
        var rows: [[DatabaseValue]] = []
        var size = 0
        // PostgreSQL returns the whole result at once, so rows with large bodies are read a few at a time.
        let limit = table.columns.contains("body") ? min(limit, 100) : limit
        try database.forEachRow(key == nil ? table.selectFirst : table.selectAfter, (key ?? []) + [.integer(Int64(limit))]) { row in
            rows.append(
                (0..<row.count).map { column in
                    switch row[column] {
                    // PostgreSQL's text cannot contain a zero byte. Each zero byte is replaced by U+FFFD, in the source and in the target.
                    case .text(let text) where text.utf8.contains(0): .text(String(text.map { $0 == "\0" ? "\u{FFFD}" : $0 }))
                    case let value: value
                    }
                })
            size += row.bytes(table.columns.firstIndex(of: "body") ?? 0).count
            return size < bytes
        }
        return rows
    }

    func insert(_ rows: [[DatabaseValue]], into table: ArchiveTable) throws {
        if let timeColumn = table.timeColumn, let column = table.columns.firstIndex(of: timeColumn) {
            let times = rows.compactMap { if case .integer(let ms) = $0[column] { Instant(ms: ms) } else { nil } }
            if let first = times.min(), let last = times.max() { try database.preparePartitions(of: table.name, first, last) }
        }
        try database.transaction { try database.changeEach(table.insert, rows) }
    }

    /// The contents of the tables `access_version` and `log_month`, which are copied as sums, `log_month` for each month.
    struct MigratedTotals: Sendable {
        var accessVersion: Int64
        var log: [[DatabaseValue]]  // month, batches, readings, bytes
    }

    func totalsForMigration() throws -> MigratedTotals {
        let log = try database.rows(
            """
            SELECT month, CAST(SUM(batches) AS BIGINT), CAST(SUM(readings) AS BIGINT), CAST(SUM(bytes) AS BIGINT) FROM log_month GROUP BY month
            """)
        return MigratedTotals(accessVersion: try accessVersion(), log: log.map { row in (0..<row.count).map { row[$0] } })
    }

    func setTotals(_ totals: MigratedTotals) throws {
        try database.transaction {
            try database.run("UPDATE access_version SET version = ?", totals.accessVersion)
            try database.run("DELETE FROM log_month")
            try database.changeEach("INSERT INTO log_month (shard, month, batches, readings, bytes) VALUES (0, ?, ?, ?, ?)", totals.log)
        }
    }
}
