internal import EdgeStore
internal import Measures
internal import Runtime

/// Applies noted sensor renames before the sensors are opened: no readings arrive under either name meanwhile.
struct SensorRenaming {
    let settings: EdgeSettings
    let store: ReadingStore
    let log: Log

    /// - Returns: the new names. The series of each new name has observations made under the old name.
    func apply() async -> Set<SensorName> {
        var renamed: Set<SensorName> = []
        do {
            let notes = try SensorNotes(
                in: settings.stateFolder, names: Set(settings.sensors.map(\.name)), applied: await store.corrections.renames)
            let known = await store.corrections
            for stray in notes.unconfiguredRenames where !known.contains(stray) {
                log(
                    .warning, "sensor rename not applied: the new name is not in the configuration",
                    ["sensor": stray.sensor, "name": stray.name])
            }
            for rename in notes.renames where !known.contains(rename) {
                if let reason = try await store.counts().memoryOnly { throw StoreFault.memoryOnly(reason: reason) }
                guard try await !store.read({ try $0.haveOverlappingReadings(rename.sensor, rename.name) }) else {
                    log(.error, "sensor not renamed: both names have readings of the same time", ["sensor": rename.sensor, "name": rename.name])
                    continue
                }
                try await apply(rename, notes)
                renamed.insert(rename.name)
                log(.info, "sensor renamed: its series continues", ["sensor": rename.sensor, "name": rename.name])
            }
        } catch {
            log(.error, "sensor rename not applied, retrying at the next start", ["error": "\(error)"])
        }
        return renamed
    }

    private func apply(_ rename: SensorNotes.Rename, _ notes: SensorNotes) async throws {
        let before = await store.corrections.renames
        let calibratedSince = notes.calibrations.filter { [rename.sensor, rename.name].contains(before.renamed($0).sensor) }.map(\.from).min()
        try await store.write { try $0.rename(rename.sensor, to: rename.name, enteredAt: rename.enteredAt, calibratedSince: calibratedSince) }
    }
}

extension Corrections {
    package func contains(_ rename: SensorNotes.Rename) -> Bool { containsRename(of: rename.sensor, to: rename.name, enteredAt: rename.enteredAt) }
}
