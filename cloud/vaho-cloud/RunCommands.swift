internal import Archive
internal import Console
internal import Evaluation
internal import Measures
internal import Pipeline
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
        "runs show", "show the steps, figures, evidence and log of a run (default: the newest)", usage: "[RUN] [--format FORMAT]",
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
        "runs start", "start a training run, which the server does", usage: "[--reason TEXT]",
        options: [.config, .store, Operator.reasonOption]
    ) { arguments in
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        let cause = arguments.value("reason").map { "manual: \($0.prefix(200))" } ?? "manual"
        let run = try await archive.startRun(kind: RunWorker.kind, cause: cause, author: Operator.name, now: WallClock.now)
        StandardOutput.write("run \(run.id) started; vaho-cloud runs show \(run.id) shows it\n")
    }

    static let runsCancel = Program.Command(
        "runs cancel", "cancel a run", usage: "RUN", options: [.config, .store], positional: 1...1
    ) { arguments in
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        let run = try await existingRun(arguments.positional[0], archive)
        guard try await archive.cancelRun(run.id, author: Operator.name) else {
            throw CommandFailure("run \(run.id) has ended already: \(run.outcome)")
        }
        StandardOutput.write("run \(run.id) is cancelled; vaho-cloud runs retry \(run.id) continues it\n")
    }

    static let runsRetry = Program.Command(
        "runs retry", "continue a run that failed or was cancelled, at the step where it ended", usage: "RUN [--wait]",
        options: [.config, .store, Arguments.Option("wait", "show the run until it ends; without a server, this command does the run")],
        positional: 1...1
    ) { arguments in
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.existing)
        let run = try await existingRun(arguments.positional[0], archive)
        guard try await archive.retryRun(run.id) else {
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

/// The parts of a run as tables.
private struct RunView {
    let run: Archive.Run
    let archive: Archive

    func write(_ format: OutputFormat) async throws {
        let (steps, evidence) = (try await archive.steps(of: run.id), try await archive.evidence(of: run.id))
        let (figures, messages) = (try await archive.figures(of: run.id), try await archive.messages(of: run.id))
        guard format == .table else {
            // One table with all parts, so that a program reads one array.
            var table = Table([.text("part"), .text("name"), .text("value"), .text("state"), .text("detail")])
            table.addRow(["run", String(run.id), run.outcome, run.endedAt == nil ? "running" : "ended", run.detail])
            for step in steps { table.addRow(["step", step.name, step.inputs, step.state, step.detail]) }
            for figure in figures { table.addRow(["figure", figure.name, figure.value, "", ""]) }
            for row in evidence { table.addRow(["evidence", row.subject.name, RunView.change(row), row.status.rawValue, RunView.bounds(row)]) }
            for message in messages { table.addRow(["log", RFC3339.format(ms: message.at.ms), message.message, "", message.step]) }
            return table.write(format)
        }
        let author = run.author.isEmpty ? "" : ", started by \(run.author)"
        Paragraph.write("run \(run.id), \(run.cause)\(author): \(run.endedAt == nil ? "running" : run.outcome)")
        if !run.detail.isEmpty { Paragraph.write(run.detail, indent: 2) }
        var stepTable = Table([
            .text("step"), .text("state"), .number("attempts"), .time("started_at", heading: "started"), .number("seconds"), .text("detail"),
        ])
        for step in steps {
            let seconds = step.endedAt.map { String(($0 - step.startedAt).components.seconds) } ?? ""
            stepTable.addRow([step.name, step.state, String(step.attempts), RFC3339.format(ms: step.startedAt.ms), seconds, step.detail])
        }
        stepTable.write(.table)
        if !evidence.isEmpty {
            StandardOutput.write("\n")
            RunView.table(of: evidence).write(.table)
        }
        if !figures.isEmpty {
            StandardOutput.write("\n")
            var table = Table([.text("figure"), .text("value")])
            for figure in figures { table.addRow([figure.name, figure.value]) }
            table.write(.table)
        }
        StandardOutput.write("\n")
        var log = Table([.time("at"), .text("step"), .text("message")])
        for message in messages { log.addRow([RFC3339.format(ms: message.at.ms), message.step, message.message]) }
        log.write(.table)
    }

    private static func table(of evidence: [Evidence]) -> Table {
        var table = Table([
            .text("part"), .number("targets", isOmittable: true), .number("blocks"), .number("candidate"), .number("champion"), .text("change"),
            .text("bounds", heading: "90 % range"), .text("status"),
        ])
        for row in evidence {
            table.addRow([
                row.subject.name, String(row.targets), String(row.blocks), NumberText.fixed(row.candidate, places: 3) ?? "",
                NumberText.fixed(row.champion, places: 3) ?? "", change(row), bounds(row), row.status.rawValue,
            ])
        }
        return table
    }

    private static func change(_ row: Evidence) -> String { row.change.map(percent) ?? "" }
    private static func bounds(_ row: Evidence) -> String {
        guard let low = row.low, let high = row.high else { return "" }
        return "\(percent(low)) to \(percent(high))"
    }
    private static func percent(_ share: Double) -> String { (NumberText.fixed(100 * share, places: 1) ?? "") + " %" }
}
