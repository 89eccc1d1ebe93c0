internal import Archive
internal import Console
internal import Measures
internal import Pipeline
internal import Releases
internal import Runtime
internal import Text

extension Program.Command {
    static let runsList = Program.Command(
        "runs list", "list the training runs, newest first", usage: "[--format FORMAT]", options: [.config, .store, OutputFormat.option]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        var table = Table([
            .number("run"), .time("started_at", heading: "started"), .text("cause", isOmittable: true), .text("author", isOmittable: true),
            .number("device_days", isOmittable: true), .text("outcome"), .number("release"), .text("detail"),
        ])
        for run in try await archive.runs(limit: 50) {
            let outcome = run.endedAt == nil ? "at step \(TrainingStep(rawValue: run.step)?.name ?? "")" : run.outcome
            table.addRow([
                String(run.id), RFC3339.format(ms: run.createdAt.ms), run.cause, run.author, String(Int(run.deviceDays)), outcome,
                run.release.map { String($0) } ?? "", run.detail,
            ])
        }
        table.write(format)
    }

    static let runsShow = Program.Command(
        "runs show", "show the steps, parameters, metrics, evidence and log of a run (default: the newest)", usage: "[RUN] [--format FORMAT]",
        options: [.config, .store, OutputFormat.option], positional: 0...1
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        let run: Archive.Run
        if let first = arguments.positional.first {
            run = try await existingRun(first, archive)
        } else {
            guard let newest = try await archive.runs(limit: 1).first else {
                throw CommandFailure("there is no run yet: vaho-cloud train starts one")
            }
            run = newest
        }
        try await RunView(run: run, archive: archive).write(format)
    }

    static let runsStart = Program.Command(
        "runs start", "start a training run on the server, or a run that judges a network made elsewhere",
        usage: "[--reason TEXT] [--candidate FILE]",
        options: [
            .config, .store, Operator.reasonOption,
            Arguments.Option("candidate", value: "FILE", "judge the network of this release file, instead of training one"),
        ]
    ) { arguments in
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        if let path = arguments.value("candidate") {
            let given: GivenCandidate
            do { given = try GivenCandidate(Files.read(path, limit: ReleaseFile.limit)) } catch let error as ReleaseRefusal {
                throw CommandFailure("\(path): \(error)")
            }
            let reason = String((arguments.value("reason") ?? "judged by hand").prefix(200))
            let run = try await given.startRun(in: archive, by: Operator.attribution(reason), now: WallClock.now)
            StandardOutput.write("run \(run.id) started; vaho-cloud runs show \(run.id) shows it\n")
            return
        }
        let cause = arguments.value("reason").map { "manual: \($0.prefix(200))" } ?? "manual"
        let run = try await archive.startRun(kind: RunWorker.kind, cause: cause, by: Operator.attribution(cause), now: WallClock.now)
        StandardOutput.write("run \(run.id) started; vaho-cloud runs show \(run.id) shows it\n")
    }

    static let runsCancel = Program.Command(
        "runs cancel", "cancel a run", usage: "RUN", options: [.config, .store], positional: 1...1
    ) { arguments in
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.existing)
        let run = try await existingRun(arguments.positional[0], archive)
        guard try await archive.cancelRun(run.id, by: Operator.attribution("cancelled by hand"), now: WallClock.now) else {
            throw CommandFailure("run \(run.id) has ended already: \(run.outcome)")
        }
        // If no program does the run, for example because vaho-cloud train was killed, this command ends the run.
        let worker = RunWorker(archive: archive, reader: archive, keyFile: settings.signingKeyFile)
        let isEnded = try await worker.work(on: run.id) != nil
        let text =
            isEnded
            ? "run \(run.id) is cancelled" : "cancellation of run \(run.id) requested; after its end, vaho-cloud runs retry \(run.id) continues it"
        StandardOutput.write(text + "\n")
    }

    static let runsRetry = Program.Command(
        "runs retry", "continue a run that failed or was cancelled, at the step where it ended", usage: "RUN [--wait]",
        options: [.config, .store, Arguments.Option("wait", "show the run until it ends; without a server, this command does the run")],
        positional: 1...1
    ) { arguments in
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.existing)
        let run = try await existingRun(arguments.positional[0], archive)
        guard
            try await archive.retryRun(
                run.id, restart: TrainingStep.snapshot.rawValue, by: Operator.attribution("continued by hand"), now: WallClock.now)
        else {
            let state = run.endedAt == nil ? "has not ended" : "ended with \(run.outcome)"
            throw CommandFailure("run \(run.id) \(state): only a failed or a cancelled run can be continued")
        }
        if arguments.hasFlag("wait") { return try await RunFollower(archive: archive, settings: settings).follow(run.id) }
        StandardOutput.write("run \(run.id) continues\n")
    }

    private static func existingRun(_ text: String, _ archive: Archive) async throws -> Archive.Run {
        guard let id = Int64(text), let run = try await archive.run(id) else {
            throw CommandFailure("there is no run \(text): vaho-cloud runs list shows the runs")
        }
        return run
    }
}
