internal import Archive
internal import Console
internal import Pipeline
internal import Runtime
internal import Text

extension Program.Command {
    static let migrate = Program.Command(
        "migrate", "copy an archive into another database, in either direction, and compare both", usage: "--from STORE --to STORE",
        options: [
            .config, Arguments.Option("from", value: "STORE", "the archive to copy: sqlite:DIR or postgres://USER@HOST/DATABASE"),
            Arguments.Option("to", value: "STORE", "an empty folder or database; after an interruption, the same one again"),
        ]
    ) { arguments in
        func store(_ option: String) throws -> StoreAddress {
            guard let text = arguments.value(option) else { throw UsageError("--\(option) is missing") }
            guard let store = StoreAddress(text) else { throw UsageError("--\(option): expected \(StoreAddress.syntax)") }
            return store
        }
        let (from, to) = (try store("from"), try store("to"))
        let source = try await Archive(from, access: .existing)
        let target = try await Archive(to, access: .createIfMissing)
        let migration = ArchiveMigration(from: source, to: target)
        let progress = Progress()
        do {
            try await migration.copy { table, rows in progress.show("copying \(table): \(rows) rows", stage: table) }
        } catch let error as MigrationFailure { throw CommandFailure(error.description) }
        let comparisons = try await migration.verify { progress.show("comparing \($0)", stage: "compare") }
        progress.end()
        var table = Table([.text("table"), .number("rows"), .text("copy")])
        for comparison in comparisons {
            table.addRow([
                comparison.table, String(comparison.source.rows), comparison.isEqual ? "equal" : "DIFFERENT: \(comparison.target.rows) rows",
            ])
        }
        table.write(.table)
        guard comparisons.allSatisfy(\.isEqual) else {
            throw CommandFailure("\(to) differs from \(from): delete the copy and migrate again")
        }
        let key = if let folder = from.folder { "\(folder)/release-signing.key" } else { "the signing key" }
        StandardOutput.write("\(to) equals \(from). To serve it: copy \(key), and start vaho-cloud serve --store with the new address\n")
    }
}
