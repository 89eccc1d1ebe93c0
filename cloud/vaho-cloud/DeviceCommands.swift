internal import API
internal import APIDocuments
internal import Archive
internal import Console
internal import Measures
internal import Pipeline
internal import Runtime
internal import Signing
internal import Text
internal import TrustedReleases
internal import Wire

extension Program.Command {
    static let deviceAdd = Program.Command(
        "device add", "add a device and show its token, only once", usage: "NAME [--out FOLDER]",
        options: [
            .config, .store, Arguments.Option("out", value: "FOLDER", "write the files token and release-keys to this folder, do not show the token"),
        ], positional: 1...1
    ) { arguments in
        let settings = try CloudSettings.read(arguments)
        let name = try arguments.deviceName()
        let archive = try await settings.archive(.createIfMissing)
        let keys = ReleaseKeyFile.text(try await ReleaseSigner(of: archive, keyFile: settings.signingKeyFile).ring.releaseKeys)
        guard let folder = arguments.value("out") else {
            let token = try await archive.addDevice(name, by: Operator.attribution("added by hand"), now: WallClock.now)
            StandardOutput.write(
                """
                token of \(name), shown only now; put the token into the file that VAHO_TOKEN_FILE names on the device:
                \(token)

                release keys; put the keys into the file that VAHO_RELEASE_KEY_FILE names (vaho-cloud keys prints the keys again):
                \(keys)
                """)
            return
        }
        // The keys are written first: if the folder is not writable, the command fails before a token is made and lost.
        try Files.createFolder(folder)
        try Files.replace("\(folder)/release-keys", with: Array(keys.utf8))
        let token = try await archive.addDevice(name, by: Operator.attribution("added by hand"), now: WallClock.now)
        try Files.replace("\(folder)/token", with: Array((token + "\n").utf8), mode: 0o600)
        StandardOutput.write("wrote \(folder)/token and \(folder)/release-keys for \(name)\n")
    }

    static let deviceList = Program.Command(
        "device list", "list the devices and the states of their sensors, worst first", usage: "[--format FORMAT]",
        options: [.config, .store, OutputFormat.option]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.readOnly)
        var table = Table([
            .text("device"), .text("state"), .time("state_since", heading: "since"), .time("created_at", isOmittable: true),
            .time("last_seen_at", heading: "last seen"),
            .number("sensors"), .text("sensors_not_ok", heading: "not ok"), .number("backlog", isOmittable: true),
            .number("release", isOmittable: true), .text("detail", isOmittable: true),
        ])
        func time(_ instant: Instant?) -> String { instant.map { RFC3339.format(ms: $0.ms) } ?? "" }
        var rows: [(rank: Int, name: String, cells: [String])] = []
        // Pages are read by name, because this order does not change between pages: no device is left out or listed twice.
        var page: (devices: [Archive.DeviceView], next: Archive.FleetCursor?) = ([], nil)
        repeat {
            page = try await archive.fleet(.name, after: page.next, limit: 500, now: WallClock.now)
            for view in page.devices {
                let (device, shown) = (view.device, view.document)
                let notOkSensors = shown.sensors.filter { $0.condition.state != .ok }
                let cells = [
                    device.name.name, shown.condition.state.displayName, time(shown.condition.since), time(device.createdAt), time(device.lastSeenAt),
                    String(view.sensors.count), notOkSensors.map { "\($0.name) \($0.condition.state.name)" }.joined(separator: ", "),
                    view.report.map { String($0.backlog) } ?? "", view.report?.release.map { String($0.counter) } ?? "",
                    shown.condition.detail ?? "",
                ]
                rows.append((shown.severityRank, device.name.name, cells))
                for fault in view.faults { StandardError.write("vaho-cloud device list: \(fault)\n") }
            }
        } while page.next != nil
        for row in rows.sorted(by: { ($0.rank, $0.name) < ($1.rank, $1.name) }) { table.addRow(row.cells) }
        table.write(format)
    }

    static let deviceTag = Program.Command(
        "device tag", "replace the tags of a device; releases can be pinned to a tag", usage: "NAME [TAG …]", options: [.config, .store],
        positional: 1...(Archive.tagsPerDevice + 1)
    ) { arguments in
        let name = try arguments.deviceName()
        let tags = Array(arguments.positional.dropFirst())
        for tag in tags where !ReleaseAlias.isTag(tag) { throw UsageError("«\(tag)» is not a tag: expected \(DeviceID.syntax)") }
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.existing)
        guard let device = try await archive.device(named: name) else {
            throw UsageError("there is no device \(name): vaho-cloud device list shows all devices")
        }
        let changes = ReleaseChanges(archive: archive, signer: try await ReleaseSigner(of: archive, keyFile: settings.signingKeyFile))
        try await changes.setTags(tags, of: device, by: Operator.attribution(arguments, default: "tags of \(name) changed"), now: WallClock.now)
        StandardOutput.write("tags of \(name): \(tags.isEmpty ? "none" : tags.joined(separator: " "))\n")
    }

    static let deviceShow = Program.Command(
        "device show", "show a device's silent periods, its lost readings and its bytes stored today", usage: "NAME [--format FORMAT]",
        options: [.config, .store, OutputFormat.option], positional: 1...1
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let name = try arguments.deviceName()
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        guard let device = try await archive.device(named: name) else {
            throw UsageError("there is no device \(name): vaho-cloud device list shows all devices")
        }
        func time(_ instant: Instant) -> String { RFC3339.format(ms: instant.ms) }
        var table = Table([.text("what"), .text("sensor"), .time("from"), .time("to"), .number("readings")])
        for alarm in try await archive.alarms(of: device.id) {
            table.addRow([alarm.kind == .duplicateHost ? "two hosts" : "silent", "", time(alarm.since), alarm.endedAt.map(time) ?? "", ""])
        }
        for hole in try await archive.holes(of: device.id, limit: 1_000) {
            table.addRow([hole.reason.name, hole.sensor?.name ?? "", time(hole.from), time(hole.to), String(hole.count)])
        }
        table.write(format)
        guard format == .table else { return }
        let limit = try CloudSettings.read(arguments).limits.bytesPerDay
        let stored = try await archive.bytesStored(device.id, WallClock.now.ms / 86_400_000)
        let isFinished = stored >= limit ? ": the device is refused until midnight UTC (VAHO_DEVICE_MB_PER_DAY)" : ""
        StandardOutput.write("stored today  \(NumberText.bytes(stored)) of \(NumberText.bytes(limit))\(isFinished)\n")
    }

    static let deviceRevoke = Program.Command(
        "device revoke", "refuse a device from now on", usage: "NAME", options: [.config, .store], positional: 1...1
    ) { arguments in
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        try await archive.revoke(arguments.deviceName(), by: Operator.attribution(arguments, default: "revoked by hand"), now: WallClock.now)
        StandardOutput.write("\(arguments.positional[0]) is revoked; its stored data is kept\n")
    }

    static let deviceCode = Program.Command(
        "device code", "make a one-time code with which a device enrols itself", usage: "NAME [--expires 24h]",
        options: [.config, .store, Arguments.Option("expires", value: "DURATION", "how long the code is valid (default 24h)")], positional: 1...1
    ) { arguments in
        let settings = try CloudSettings.read(arguments)
        let name = try arguments.deviceName()
        let validity = try arguments.duration("expires") ?? .seconds(86_400)
        let archive = try await settings.archive(.existing)
        let now = WallClock.now
        let code = try await archive.makeCode(for: name, validFor: validity, by: Operator.attribution("code made by hand"), now: now)
        StandardOutput.write(
            """
            \(code)

            on the device, until \(RFC3339.format(ms: (now + validity).ms)):  vaho-edge enrol URL \(code)

            """)
    }

    static let deviceRotate = Program.Command(
        "device rotate", "make a device fetch a new token; the old token stays valid until the new token is first used", usage: "NAME",
        options: [.config, .store], positional: 1...1
    ) { arguments in
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        try await archive.requestRotation(
            arguments.deviceName(), by: Operator.attribution(arguments, default: "rotated by hand"), now: WallClock.now)
        StandardOutput.write("\(arguments.positional[0]) will fetch a new token at its next sync\n")
    }
}
