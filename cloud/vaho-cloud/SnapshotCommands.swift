internal import Archive
internal import Console
internal import Measures
internal import Observing
internal import Pipeline
internal import Runtime
internal import Text

extension Program.Command {
    static let snapshotCreate = Program.Command(
        "snapshot create", "make a snapshot of all observations", usage: "[--reason TEXT]", options: [.config, .store, Operator.reasonOption]
    ) { arguments in
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        let progress = Progress()
        let reason = Operator.attribution(arguments, default: "made by \(Operator.name)").reason
        let snapshot = try await archive.makeSnapshot(reason: reason, now: WallClock.now) { done, all in
            progress.show("packing sensor \(done) of \(all)", stage: "packing")
        }
        progress.end()
        StandardOutput.write("\(snapshot.sha256)\n\(snapshot.sensors) sensors, \(snapshot.observations) observations\n")
    }

    static let snapshotList = Program.Command(
        "snapshot list", "list the snapshots, newest first", usage: "[--format FORMAT]", options: [.config, .store, OutputFormat.option]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        var table = Table([
            .text("sha256", format: { String($0.prefix(12)) }), .time("created_at", heading: "created"), .number("sensors"),
            .number("weeks", isOmittable: true), .number("observations"), .number("days"), .text("reason"),
        ])
        for snapshot in try await archive.snapshots() {
            table.addRow([
                snapshot.sha256, RFC3339.format(ms: snapshot.createdAt.ms), String(snapshot.sensors), String(snapshot.weeks),
                String(snapshot.observations), NumberText.fixed(snapshot.days, places: 1) ?? "", snapshot.reason,
            ])
        }
        table.write(format)
    }

    static let snapshotShow = Program.Command(
        "snapshot show", "list the sensors of a snapshot", usage: "SHA256 [--format FORMAT]", options: [.config, .store, OutputFormat.option],
        positional: 1...1
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        let snapshot = try await existingSnapshot(arguments.positional[0], archive)
        var table = Table([
            .text("device"), .text("sensor"), .number("step_s", heading: "step"), .number("observations"), .number("days"),
            .text("sha256", format: { String($0.prefix(12)) }),
        ])
        for sensor in try await archive.sensors(of: snapshot) {
            table.addRow([
                sensor.device, sensor.sensor, String(sensor.grid.step.components.seconds), String(sensor.observations),
                NumberText.fixed(sensor.days, places: 1) ?? "", sensor.sha256,
            ])
        }
        table.write(format)
    }

    static let snapshotDiff = Program.Command(
        "snapshot diff", "list the sensors that differ between two snapshots", usage: "OLD NEW [--format FORMAT]",
        options: [.config, .store, OutputFormat.option], positional: 2...2
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        let (old, new) = (
            try await existingSnapshot(arguments.positional[0], archive), try await existingSnapshot(arguments.positional[1], archive)
        )
        var table = Table([.text("device"), .text("sensor"), .text("difference"), .number("weeks"), .number("observations")])
        for difference in try await archive.differences(from: old, to: new) {
            table.addRow([
                difference.device, difference.sensor, difference.kind.rawValue, String(difference.weeks), String(difference.observations),
            ])
        }
        if table.isEmpty && format == .table {
            StandardOutput.write("the snapshots have the same observations\n")
        } else {
            table.write(format)
        }
    }

    static let snapshotExport = Program.Command(
        "snapshot export", "write a snapshot as CSV files, one for each sensor, which train --data, pandas and DVC read",
        usage: "SHA256 --out FOLDER",
        options: [.config, .store, Arguments.Option("out", value: "FOLDER", "a new or empty folder for the files")], positional: 1...1
    ) { arguments in
        guard let out = arguments.value("out") else { throw UsageError("--out is missing: the folder for the files") }
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        let snapshot = try await existingSnapshot(arguments.positional[0], archive)
        let progress = Progress()
        let count = try await SnapshotExport(reader: archive).write(snapshot, to: out) { done, all in
            progress.show("writing sensor \(done) of \(all)", stage: "writing")
        }
        progress.end()
        StandardOutput.write("\(out): \(count) series and manifest.csv\n")
    }

    static let snapshotGC = Program.Command(
        "snapshot gc", "delete snapshots that no release and no running training needs, and the observations packed only for them",
        usage: "[--keep NUMBER]",
        options: [.config, .store, Arguments.Option("keep", value: "NUMBER", "how many of the newest snapshots stay in any case (default 5)")]
    ) { arguments in
        let keep = try arguments.integer("keep", in: 0...1_000_000) ?? 5
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        let cleanup = try await archive.deleteSnapshots(except: keep)
        StandardOutput.write("deleted \(cleanup.snapshots) snapshots and \(cleanup.weeks) packed weeks\n")
    }

    private static func existingSnapshot(_ prefix: String, _ archive: Archive) async throws -> Archive.Snapshot {
        let found = try await archive.snapshots(prefix: prefix)
        guard let snapshot = found.first, !prefix.isEmpty else {
            throw CommandFailure("there is no snapshot \(prefix): vaho-cloud snapshot list shows the snapshots")
        }
        guard found.count == 1 else { throw CommandFailure("\(found.count) snapshots begin with \(prefix): give more digits") }
        return snapshot
    }
}
