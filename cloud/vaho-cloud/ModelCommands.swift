internal import Archive
internal import Console
internal import Measures
internal import Pipeline
internal import Runtime
internal import Text
internal import Wire

/// Commands that look at releases.
extension Program.Command {
    static let modelsList = Program.Command(
        "models list", "list the releases, newest first", usage: "[--limit NUMBER] [--format FORMAT]",
        options: [.config, .store, OutputFormat.option, Arguments.Option("limit", value: "NUMBER", "at most this many releases (default 50)")]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let limit = try arguments.integer("limit", in: 1...1_000_000) ?? 50
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        var table = Table([
            .number("counter"), .text("model", isOmittable: true), .time("created_at", heading: "created"),
            .text("sha256", format: { String($0.prefix(12)) }), .text("snapshot", isOmittable: true, format: { String($0.prefix(12)) }),
            .number("run"), .text("alias"), .text("blocked"),
        ])
        let blocks = Dictionary(try await archive.releaseBlocks().map { ($0.counter, $0.reason) }) { first, _ in first }
        for release in try await archive.releases(limit: limit) {
            table.addRow([
                String(release.name.counter), release.modelID, RFC3339.format(ms: release.createdAt.ms), Hexadecimal.text(release.name.sha256),
                release.snapshot, release.run.map { String($0) } ?? "", release.aliases.joined(separator: " "),
                blocks[release.name.counter] ?? "",
            ])
        }
        table.write(format)
    }

    static let modelsShow = Program.Command(
        "models show", "show the release with this counter, or the champion", usage: "[COUNTER] [--format FORMAT]",
        options: [.config, .store, OutputFormat.option], positional: 0...1
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        let release = try await existingRelease(arguments.positional.first, archive)
        var table = Table([.text("field"), .text("value")])
        for (field, value) in try await fields(of: release, archive) { table.addRow([field, value]) }
        table.write(format)
    }

    static let modelsCompare = Program.Command(
        "models compare", "show two releases side by side", usage: "COUNTER COUNTER [--format FORMAT]",
        options: [.config, .store, OutputFormat.option], positional: 2...2
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        let releases = [
            try await existingRelease(arguments.positional[0], archive), try await existingRelease(arguments.positional[1], archive),
        ]
        let (first, second) = (try await fields(of: releases[0], archive), try await fields(of: releases[1], archive))
        let others = Dictionary(second) { first, _ in first }
        let names = first.map(\.0) + second.map(\.0).filter { name in !first.contains { $0.0 == name } }
        let ones = Dictionary(first) { first, _ in first }
        var table = Table([.text("field"), .text(arguments.positional[0]), .text(arguments.positional[1]), .text("same", isOmittable: true)])
        for name in names {
            table.addRow([name, ones[name] ?? "", others[name] ?? "", ones[name] == others[name] ? "yes" : "no"])
        }
        table.write(format)
    }

    static let modelsHistory = Program.Command(
        "models history", "show the changes of the aliases; with --device: which release forecast on a device, and why",
        usage: "[--alias ALIAS] [--device DEVICE [--at TIME]] [--format FORMAT]",
        options: [
            .config, .store, OutputFormat.option,
            Arguments.Option("alias", value: "ALIAS", "only this alias: champion, challenger, device:NAME or tag:TAG"),
            Arguments.Option("device", value: "DEVICE", "which release forecast on this device"),
            Arguments.Option("at", value: "TIME", "with --device: at this time (default: now), such as 2026-11-21T04:10:00Z"),
        ]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        if let name = arguments.value("device") { return try await deviceHistory(name, arguments, archive, format) }
        var alias: ReleaseAlias?
        if let text = arguments.value("alias") {
            alias = ReleaseAlias(name: text)
            guard alias != nil else { throw UsageError("--alias=\(text): expected champion, challenger, device:NAME or tag:TAG") }
        }
        var table = Table([.time("at"), .text("alias"), .number("release"), .text("author"), .text("reason")])
        for change in try await archive.aliasHistory(of: alias, limit: 1_000) {
            table.addRow([
                RFC3339.format(ms: change.at.ms), change.alias, change.counter.map { String($0) } ?? "", change.author, change.reason,
            ])
        }
        table.write(format)
    }

    private static func deviceHistory(_ text: String, _ arguments: Arguments, _ archive: Archive, _ format: OutputFormat) async throws {
        let device = try await archive.existingDevice(text)
        let (name, at) = (device.name, try arguments.instant("at") ?? WallClock.now)
        guard let found = try await archive.release(on: device, at: at) else {
            throw CommandFailure("\(name) had not reported a release by \(RFC3339.format(ms: at.ms))")
        }
        var table = Table([.text("field"), .text("value")])
        let release = found.counter.map { $0 == 0 ? "0, the release that ships with vaho-edge" : String($0) } ?? "none: the damped anomaly"
        for (field, value) in [
            ("device", name.name), ("at", RFC3339.format(ms: at.ms)), ("release", release), ("sha256", found.sha256),
            ("reported since", RFC3339.format(ms: found.since.ms)), ("given by", found.assignment?.alias ?? ""),
            ("given at", found.assignment.map { RFC3339.format(ms: $0.at.ms) } ?? ""), ("author", found.assignment?.author ?? ""),
            ("reason", found.assignment?.reason ?? ""),
        ] { table.addRow([field, value]) }
        table.write(format)
    }

    static let modelsExport = Program.Command(
        "models export", "write a release file and its metadata into a folder", usage: "COUNTER --out FOLDER",
        options: [.config, .store, Arguments.Option("out", value: "FOLDER", "the folder for release.vaho and release.csv")], positional: 1...1
    ) { arguments in
        guard let out = arguments.value("out") else { throw UsageError("--out is missing: the folder for the files") }
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        let release = try await existingRelease(arguments.positional[0], archive)
        try Files.createFolder(out)
        if let bytes = try await archive.releaseBytes(counter: release.name.counter) { try Files.replace("\(out)/release.vaho", with: bytes) }
        var table = Table([.text("field"), .text("value")])
        for (field, value) in try await fields(of: release, archive) { table.addRow([field, value]) }
        try Files.replace("\(out)/release.csv", with: Array(table.csv.utf8))
        StandardOutput.write("\(out)/release.vaho, \(out)/release.csv\n")
    }

    /// - Parameter text: a counter; `nil`: the champion.
    static func existingRelease(_ text: String?, _ archive: Archive) async throws -> Archive.StoredRelease {
        guard let text else {
            guard let champion = try await archive.release(of: .champion), let release = try await archive.release(counter: champion.counter) else {
                throw CommandFailure("there is no champion yet: vaho-cloud train makes one")
            }
            return release
        }
        guard let counter = UInt64(text), counter <= UInt64(Int64.max), let release = try await archive.release(counter: counter) else {
            throw CommandFailure("there is no release \(text): vaho-cloud models list shows the releases")
        }
        return release
    }

    private static func fields(of release: Archive.StoredRelease, _ archive: Archive) async throws -> [(String, String)] {
        var fields = [
            ("counter", String(release.name.counter)), ("model", release.modelID), ("sha256", Hexadecimal.text(release.name.sha256)),
            ("created_at", RFC3339.format(ms: release.createdAt.ms)), ("alias", release.aliases.joined(separator: " ")),
            ("snapshot", release.snapshot), ("parent", release.parent), ("backtest", release.backtest),
            ("run", release.run.map { String($0) } ?? ""),
            ("blocked", try await archive.releaseBlock(of: release.name.counter).map { "\($0.author): \($0.reason)" } ?? ""),
        ]
        if let run = release.run { fields += try await archive.figures(of: run).filter { $0.name != "backtest" } }
        return fields
    }
}
