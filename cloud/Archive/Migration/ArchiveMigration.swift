/// Copies an archive into another database, table by table in the order of the keys. A copy that was interrupted continues after the last key in the
/// target.
package struct ArchiveMigration: Sendable {
    /// The content of a table on both sides.
    package struct Comparison: Sendable, Equatable {
        package let table: String
        package let source: ArchiveContent
        package let target: ArchiveContent
        package var isEqual: Bool { source == target }
    }

    private let source: Archive
    private let target: Archive
    private static let rowsPerStep = 5_000
    private static let bytesPerStep = 4_000_000

    package init(from source: Archive, to target: Archive) {
        self.source = source
        self.target = target
    }

    /// - Parameter progress: called after each step with the table and the number of rows copied by this call.
    /// - Throws: `MigrationFailure` if a server is running on the source or the target, or if the target already contains another archive.
    package func copy(_ progress: @Sendable (_ table: String, _ rows: Int) -> Void = { _, _ in }) async throws {
        for archive in [source, target] {
            guard try await archive.claim(.serving) else {
                throw MigrationFailure(description: "\(archive.store) is in use by a server: stop every vaho-cloud serve of this archive first")
            }
        }
        try await source.checkMigration()
        try await target.beginMigration(from: source.store.description)
        for table in ArchiveTable.all {
            var (key, copied) = (try await target.lastKey(of: table), 0)
            while true {
                try Task.checkCancellation()
                let rows = try await source.rows(of: table, after: key, limit: ArchiveMigration.rowsPerStep, bytes: ArchiveMigration.bytesPerStep)
                guard let last = rows.last else { break }
                try await target.insert(rows, into: table)
                key = Array(last.prefix(table.keyLength))
                copied += rows.count
                progress(table.name, copied)
            }
        }
        try await target.setTotals(try await source.totalsForMigration())
    }

    /// Compares the number of rows and a hash of all rows of every table. If all are equal, the target can be served.
    package func verify(_ progress: @Sendable (_ table: String) -> Void = { _ in }) async throws -> [Comparison] {
        var comparisons: [Comparison] = []
        for table in ArchiveTable.all {
            progress(table.name)
            comparisons.append(
                Comparison(table: table.name, source: try await content(of: table, in: source), target: try await content(of: table, in: target)))
        }
        if comparisons.allSatisfy(\.isEqual) { try await target.endMigration() }
        return comparisons
    }

    private func content(of table: ArchiveTable, in archive: Archive) async throws -> ArchiveContent {
        var content = ArchiveContent()
        var key: [DatabaseValue]?
        while true {
            try Task.checkCancellation()
            let rows = try await archive.rows(of: table, after: key, limit: ArchiveMigration.rowsPerStep, bytes: ArchiveMigration.bytesPerStep)
            guard let last = rows.last else { return content }
            content.add(rows)
            key = Array(last.prefix(table.keyLength))
        }
    }
}
