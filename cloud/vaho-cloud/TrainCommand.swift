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
        let id: Int64
        do {
            id = try await archive.startRun(kind: RunWorker.kind, cause: "manual", by: Operator.attribution("manual"), now: WallClock.now).id
        } catch let error as Archive.RunInProgress {
            // The server does this run, or a command that did it was killed: then this command continues the run.
            StandardError.write("run \(error.run) is in progress: vaho-cloud train shows it\n")
            id = error.run
        }
        try await RunFollower(archive: archive, settings: settings).follow(id)
    }
}
