internal import Archive
internal import Console
internal import Measures
internal import Pipeline
internal import Runtime
internal import Text
internal import Wire

/// Commands that show rollouts, and change which devices get a new release.
extension Program.Command {
    static let rolloutList = Program.Command(
        "rollout list", "list the rollouts, newest first", usage: "[--limit NUMBER] [--format FORMAT]",
        options: [.config, .store, OutputFormat.option, Arguments.Option("limit", value: "NUMBER", "at most this many rollouts (default 50)")]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let limit = try arguments.integer("limit", in: 1...1_000_000) ?? 50
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        var table = Table([
            .number("rollout"), .time("started_at", heading: "started"), .number("release"), .text("devices", isOmittable: true),
            .text("state"), .text("step", isOmittable: true), .text("author", isOmittable: true), .text("detail"),
        ])
        for rollout in try await archive.rollouts(limit: limit) {
            table.addRow([
                String(rollout.id), RFC3339.format(ms: rollout.createdAt.ms), String(rollout.release), rollout.selection, rollout.state.rawValue,
                rollout.share, rollout.author, rollout.detail,
            ])
        }
        table.write(format)
        if format == .table, let stop = try await archive.releaseStop() {
            Paragraph.write(
                "emergency stop by \(stop.author) since \(RFC3339.format(ms: stop.at.ms)): \(stop.reason); vaho-cloud models go ends the stop")
        }
    }

    static let rolloutShow = Program.Command(
        "rollout show", "show a rollout, its events, and the devices that rejected its release; without a number, the newest rollout",
        usage: "[ROLLOUT] [--format FORMAT]", options: [.config, .store, OutputFormat.option], positional: 0...1
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        try await RolloutView(rollout: try await existingRollout(arguments.positional.first, archive), archive: archive).write(format)
    }

    static let rolloutStart = Program.Command(
        "rollout start", "give a release to the devices step by step", usage: "COUNTER [--tag TAG]… [--steps STEPS] [--reason TEXT]",
        options: [
            .config, .store, Operator.reasonOption,
            Arguments.Option("tag", value: "TAG[,TAG]", "only devices with one of these tags (default: every device that is not pinned)"),
            Arguments.Option("steps", value: "STEPS", "PERCENT:DAYS of live errors, such as 5:7,25:3,100:0 (default VAHO_ROLLOUT_STEPS)"),
        ], positional: 1...1
    ) { arguments in
        let (changes, archive, settings) = try await rolloutChanges(arguments)
        let release = try await existingRelease(arguments.positional[0], archive)
        let tags = arguments.value("tag")?.split(separator: ",").map(String.init) ?? []
        for tag in tags where !ReleaseAlias.isTag(tag) { throw UsageError("--tag=\(tag): expected \(DeviceID.syntax)") }
        var steps = settings.rolloutSteps
        if let text = arguments.value("steps") {
            guard let given = RolloutSteps(text) else { throw UsageError("--steps=\(text): expected \(RolloutSteps.syntax)") }
            steps = given
        }
        let id = try await changes.start(
            release.name.counter, tags: tags, steps: steps, by: Operator.attribution(arguments, default: "started by hand"), now: WallClock.now)
        guard let rollout = try await archive.rollout(id) else { return }
        StandardOutput.write(
            rollout.state == .completed
                ? "release \(rollout.release) is given to all devices\n"
                : "rollout \(id) of release \(rollout.release) is \(rollout.state.rawValue): vaho-cloud rollout show \(id) shows its progress\n")
    }

    static let rolloutPause = change("pause", "keep a rollout at its step") { changes, id, attribution in
        try await changes.pause(id, by: attribution, now: WallClock.now)
        return "rollout \(id) is paused: vaho-cloud rollout resume \(id) continues it"
    }

    static let rolloutResume = change("resume", "continue a paused rollout") { changes, id, attribution in
        try await changes.resume(id, by: attribution, now: WallClock.now)
        return "rollout \(id) is running"
    }

    static let rolloutAbort = change("abort", "end a rollout: its devices get the previous release again") { changes, id, attribution in
        try await changes.abort(id, by: attribution, now: WallClock.now)
        return "rollout \(id) is being aborted: vaho-cloud rollout show \(id) shows which devices have the previous release again"
    }

    static let rolloutPromote = change("promote", "give the release of a rollout to all its devices at once") { changes, id, attribution in
        try await changes.promote(id, by: attribution, now: WallClock.now)
        return "rollout \(id) is completed: all its devices get the release with their next batch"
    }

    private static func change(
        _ verb: String, _ summary: String, _ body: @escaping @Sendable (RolloutChanges, Int64, Archive.Attribution) async throws -> String
    ) -> Program.Command {
        Program.Command(
            "rollout \(verb)", summary, usage: "[ROLLOUT] [--reason TEXT]", options: [.config, .store, Operator.reasonOption], positional: 0...1
        ) { arguments in
            let (changes, archive, _) = try await rolloutChanges(arguments)
            let rollout = try await existingRollout(arguments.positional.first, archive)
            let attribution = Operator.attribution(arguments, default: "\(verb) by hand")
            StandardOutput.write(try await body(changes, rollout.id, attribution) + "\n")
        }
    }

    private static func rolloutChanges(_ arguments: Arguments) async throws -> (RolloutChanges, Archive, CloudSettings) {
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.existing)
        let signer = try await ReleaseSigner(of: archive, keyFile: settings.signingKeyFile)
        return (RolloutChanges(archive: archive, signer: signer, pretrained: try settings.pretrained()), archive, settings)
    }

    /// - Parameter text: a number; `nil`: the newest rollout.
    private static func existingRollout(_ text: String?, _ archive: Archive) async throws -> Archive.Rollout {
        guard let text else {
            guard let newest = try await archive.rollouts(limit: 1).first else { throw CommandFailure("there is no rollout yet") }
            return newest
        }
        guard let id = Int64(text), let rollout = try await archive.rollout(id) else {
            throw CommandFailure("there is no rollout \(text): vaho-cloud rollout list shows the rollouts")
        }
        return rollout
    }
}

extension Archive.Rollout {
    var selection: String { tags.isEmpty ? "all" : tags.joined(separator: " ") }
    /// The percentage of the devices that the current step gives the release to; empty before the first step.
    var share: String { through == RolloutPlace.none ? "" : "\(steps.steps[min(step, steps.steps.count - 1)].percent) %" }
}
