internal import Archive
internal import Console
internal import Measures
internal import Pipeline
internal import Runtime
internal import Text

extension Program.Command {
    static let train = Program.Command(
        "train", "train on all observations now; the release becomes the champion if it passes its verdict",
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
        let run = try await archive.startRun(kind: RunWorker.kind, cause: "manual", author: Operator.name, now: WallClock.now)
        try await RunFollower(archive: archive, settings: settings).follow(run.id)
    }
}

/// Shows a run until it ends: does the run in this program, or, if the server does it, waits for the server.
struct RunFollower {
    let archive: Archive
    let settings: CloudSettings

    func follow(_ id: Int64) async throws {
        let progress = ProgressWithTime()
        let worker = RunWorker(
            archive: archive, reader: archive, keyFile: settings.signingKeyFile, pretrained: try settings.pretrained(), maximumAttempts: 1)
        while try await archive.run(id)?.endedAt == nil {
            if try await worker.work(on: id, progress: progress.show) != nil { break }
            if let run = try await archive.run(id), run.endedAt == nil {
                progress.show("run \(id) is done by the server: \(TrainingStep(rawValue: run.step)?.name ?? "")")
            }
            try await Task.sleep(for: .seconds(1))
        }
        progress.end()
        guard let run = try await archive.run(id) else { return }
        let release = run.release.map { " release \($0)" } ?? ""
        guard ![RunOutcome.failed, .cancelled].contains(where: { $0.rawValue == run.outcome }) else {
            throw CommandFailure("run \(id) \(run.outcome): \(run.detail); vaho-cloud runs retry \(id) continues it")
        }
        Paragraph.write("\(run.outcome)\(release): \(run.detail)")
        StandardOutput.write("vaho-cloud runs show \(id) shows steps, figures and evidence\n")
    }
}
