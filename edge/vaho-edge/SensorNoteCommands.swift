internal import Console
internal import EdgeDaemon
internal import EdgeStore
internal import Measures
internal import Runtime
internal import Text

// Commands that record a new name or a replaced part of a sensor, so that its series continues.

extension Program.Command {
    static let sensorsRename = Program.Command(
        "sensors rename", "continue the series of a sensor that has a new name in the configuration", usage: "OLD NEW",
        options: [.config], positional: 2...2
    ) { arguments in
        let settings = try EdgeSettings.read(arguments, sensorsNeeded: false)
        let (old, new) = (try sensorName(arguments.positional[0]), try sensorName(arguments.positional[1]))
        guard old != new else { throw UsageError("old and new name are the same: «\(old)»") }
        guard settings.sensors.contains(where: { $0.name == new }) else {
            throw UsageError("first give the sensor its new name in the configuration: VAHO_SENSOR_\(new.name.uppercased())=…")
        }
        let store = try await ReadingStore(readOnlyPath: settings.storePath, log: Log("vaho-edge"))
        let known = try await store.read { try $0.sensors.all() }.map(\.record.sensor)
        let applied = await store.corrections
        let pendingRenames = try SensorNotes(in: settings.stateFolder).renames.filter { !applied.contains($0) }
        guard known.contains(old) || pendingRenames.contains(where: { $0.name == old }) else {
            throw UsageError("the store has no series «\(old)»: there are \(known.isEmpty ? "none" : known.map(\.name).joined(separator: ", "))")
        }
        // If an earlier rename that is not applied yet frees the new name, skip this check: the daemon checks again when it applies the renames.
        let isFreed = pendingRenames.contains { $0.sensor == new }
        if !isFreed, try await store.read({ try $0.haveOverlappingReadings(old, new) }) {
            throw UsageError("\(old) and \(new) have readings of the same time: they are two sensors and cannot be one series")
        }
        try SensorNotes.add(.renamed(old, to: new), in: settings.stateFolder)
        let both = settings.sensors.contains { $0.name == old } ? "; «\(old)» is still configured and starts a new series" : ""
        StandardOutput.write("the series of \(old) continues as \(new) from the daemon's next start\(both)\n")
    }

    static let sensorsReplace = Program.Command(
        "sensors replace", "continue the series of a sensor with a new part; calibrations of the old part end",
        usage: "SENSOR [--since TIME] [--serial TEXT]",
        options: [
            .config, Arguments.Option("since", value: "TIME", "time of the new part's first reading, RFC 3339 (default: now)"),
            Arguments.Option("serial", value: "TEXT", "the new part's serial number, without blanks"),
        ], positional: 1...1
    ) { arguments in
        let settings = try EdgeSettings.read(arguments, sensorsNeeded: false)
        let sensor = try settings.configured(arguments.positional[0])
        let serial = arguments.value("serial") ?? ""
        guard serial.utf8.count <= SensorRecord.textLimit, !serial.contains(where: \.isWhitespace) else {
            throw UsageError("--serial \(serial): expected at most \(SensorRecord.textLimit) bytes without blanks")
        }
        let from = try arguments.pastTime("since") ?? WallClock.now
        try SensorNotes.add(.replaced(sensor, from: from, serial: serial), in: settings.stateFolder)
        StandardOutput.write(
            "\(sensor) has a new part since \(RFC3339.format(ms: from.ms)): earlier calibrations end there\(serial.isEmpty ? "" : "; the daemon stores its serial number at the next start")\n"
        )
    }
}

private func sensorName(_ text: String) throws -> SensorName {
    guard let sensor = SensorName(text) else { throw UsageError("«\(text)» is not a sensor name: \(SensorName.syntax)") }
    return sensor
}

extension EdgeSettings {
    /// - Parameter store: a store that is already open, if any.
    func sensorNotes(_ store: ReadingStore? = nil) async throws -> SensorNotes {
        let store = if let store { store } else { try? await ReadingStore(readOnlyPath: storePath, log: Log("vaho-edge", minimumLevel: .error)) }
        return try SensorNotes(
            in: stateFolder, names: sensors.isEmpty ? nil : Set(sensors.map(\.name)), applied: await store?.corrections.renames ?? [])
    }

    /// The sensor name `text`. If the configuration has sensors, the name must be one of them.
    func configured(_ text: String) throws -> SensorName {
        let sensor = try sensorName(text)
        if !sensors.isEmpty, !sensors.contains(where: { $0.name == sensor }) {
            throw UsageError("there is no sensor «\(sensor)» in the configuration: there are \(sensors.map(\.name.name).joined(separator: ", "))")
        }
        return sensor
    }
}

extension Arguments {
    func pastTime(_ name: String) throws -> Instant? {
        guard let text = value(name) else { return nil }
        guard let ms = RFC3339.parse(text), Instant.valid.contains(Instant(ms: ms)), Instant(ms: ms) <= WallClock.now else {
            throw UsageError("--\(name) \(text): expected a time in the past such as 2026-11-01T00:00:00Z")
        }
        return Instant(ms: ms)
    }
}
