internal import Archive
internal import Console
internal import Measures
internal import Pipeline
internal import Runtime
internal import Text
internal import Wire

extension Program.Command {
    static let train = Program.Command(
        "train", "train on all observations now; release the model if it beats the champion",
        usage: "[--data FOLDER --out FILE [--share PERCENT] [--without LIST]]",
        options: [
            .config, .store,
            Arguments.Option("data", value: "FOLDER", "train on the series in this folder instead: SERIES.csv with time,humidity_pct,temperature_c"),
            Arguments.Option("out", value: "FILE", "with --data: write the release to this file, with counter 0 and unsigned"),
            Arguments.Option("share", value: "PERCENT", "with --data: the part of each series to train on, from its start (default 70)"),
            Arguments.Option("without", value: "LIST", "with --data: series to leave out"),
        ]
    ) { arguments in
        if let data = arguments.value("data") {
            guard let out = arguments.value("out") else { throw UsageError("--out is missing: the file for the release") }
            let training = try RecordingTraining(data, arguments)
            guard let result = try await training.run(progress: RecordingTraining.printProgress) else {
                throw CommandFailure("\(data) has too little data to train on")
            }
            let bytes = try training.release(of: result)
            try Files.replace(out, with: bytes)
            StandardOutput.write("\(out): \(bytes.count) bytes, snapshot \(result.snapshot)\n")
            return
        }
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.createIfMissing)
        let progress = Progress()
        let result = try await Training(archive: archive, reader: archive, keyFile: settings.signingKeyFile, pretrained: settings.pretrained()).run(
            cause: "manual", now: WallClock.now, progress: { progress.show($0.description, stage: $0.stage.rawValue) })
        progress.end()
        let release = result.release.map { " release \($0.counter)" } ?? ""
        Paragraph.write("\(result.outcome.rawValue)\(release): \(result.detail)")
    }

    static let modelsList = Program.Command(
        "models list", "list the releases", usage: "[--format FORMAT]", options: [.config, .store, OutputFormat.option]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        var table = Table([
            .number("counter"), .text("model", isOmittable: true), .time("created_at"), .text("sha256", format: { String($0.prefix(12)) + "…" }),
            .text("alias"),
        ])
        for release in try await archive.releases() {
            table.addRow([
                String(release.name.counter), release.modelID, RFC3339.format(ms: release.createdAt.ms), Hexadecimal.text(release.name.sha256),
                release.aliases.joined(separator: " "),
            ])
        }
        table.write(format)
    }

    static let modelsShow = Program.Command(
        "models show", "show the release with this counter, or the champion", usage: "[COUNTER] [--out FILE] [--format FORMAT]",
        options: [.config, .store, OutputFormat.option, Arguments.Option("out", value: "FILE", "also write the release to this file")],
        positional: 0...1
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        let releases = try await archive.releases()
        let wanted = arguments.positional.first
        let found = releases.last { wanted == nil ? $0.aliases.contains(Archive.championAlias) : String($0.name.counter) == wanted }
        guard let release = found else {
            throw CommandFailure(
                wanted.map { "there is no release \($0): vaho-cloud models list shows all releases" }
                    ?? "there is no champion yet: vaho-cloud train makes one")
        }
        var table = Table([.text("field"), .text("value")])
        for (field, value) in [
            ("counter", String(release.name.counter)), ("model", release.modelID), ("sha256", Hexadecimal.text(release.name.sha256)),
            ("created_at", RFC3339.format(ms: release.createdAt.ms)), ("alias", release.aliases.joined(separator: " ")),
            ("snapshot", release.snapshot), ("parent", release.parent), ("backtest", release.backtest),
        ] { table.addRow([field, value]) }
        table.write(format)
        if let path = arguments.value("out"), let bytes = try await archive.releaseBytes(counter: release.name.counter) {
            try Files.replace(path, with: bytes)
        }
    }

    static let runs = Program.Command(
        "runs", "list the training runs, newest first", usage: "[--format FORMAT]", options: [.config, .store, OutputFormat.option]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        var table = Table([
            .time("started_at"), .text("cause", isOmittable: true), .number("device_days", isOmittable: true),
            .text("outcome"), .number("release"), .text("detail"),
        ])
        for run in try await archive.runs(limit: 50) {
            table.addRow([
                RFC3339.format(ms: run.startedAt.ms), run.cause, String(Int(run.deviceDays)), run.outcome, run.release.map { String($0) } ?? "",
                run.detail,
            ])
        }
        table.write(format)
    }
}
