internal import Console
internal import EdgeStore
internal import Measures
internal import Observing
internal import Runtime
internal import Sensors

/// Opens the store, the sensors and the release, and runs all services. After a reload request, reads the configuration and does all of this again.
struct ReloadingServices: Service {
    let initialSettings: EdgeSettings
    let readSettings: SettingsReader
    let reload: ReloadRequests
    let log: Log

    func run() async throws {
        var (settings, earlier) = (initialSettings, EdgeSettings?.none)
        while true {
            do { try await run(settings) } catch let error where !(error is CancellationError) {
                // A new configuration can be valid and still not start, for example if a recording is missing.
                guard let working = earlier.take() else { throw error }
                log(.error, "configuration not started, keeping the earlier configuration", ["error": "\(error)"])
                settings = working
                continue
            }
            try Task.checkCancellation()
            guard reload.take() else { return }
            do {
                (settings, earlier) = (try nextSettings(after: settings), settings)
                log(.info, "configuration reloaded")
            } catch { log(.error, "configuration invalid, keeping the earlier configuration", ["error": "\(error)"]) }
        }
    }

    /// - Throws: `UsageError` if VAHO_STATE_DIR has changed (the daemon has locked the earlier folder), or if the configuration is invalid.
    private func nextSettings(after present: EdgeSettings) throws -> EdgeSettings {
        let next = try readSettings(nil)
        guard next.stateFolder == present.stateFolder else { throw UsageError("VAHO_STATE_DIR has changed: restart the daemon") }
        return next
    }

    private func run(_ settings: EdgeSettings) async throws {
        let host = HostIdentity.current()
        let store = try await ReadingStore(path: settings.storePath, host: host, log: log.component("store"))
        let renamed = await SensorRenaming(settings: settings, store: store, log: log).apply()
        let sensors = try await OpenSensor.all(settings, store)
        let clock = await startClock(settings, sensors, store, boot: host.boot)
        let parts = await EdgeParts(
            settings: settings, remoteSettings: remoteSettings(settings), reload: reload, boot: host.boot, store: store, clock: clock, log: log)
        for sensor in sensors { await parts.flow.add(sensor.name, grid: sensor.grid, isReobservation: renamed.contains(sensor.name)) }
        let services = await parts.services(sensors)
        log(
            .info, "running",
            ["device": settings.device, "sensors": sensors.count, "epoch": await store.current.epoch, "version": EdgeVersion.text])
        if let problem = settings.remoteProblem {
            log(.error, "settings from the cloud invalid, using only the device's own configuration", ["error": problem])
        }
        try await Services.run([reload] + services)
        await parts.intake.markStopped()
        do { try await store.saveDelivery() } catch {
            log(.warning, "acknowledgements not saved: rows will be sent again", ["error": "\(error)"])
        }
    }

    private func remoteSettings(_ settings: EdgeSettings) -> RemoteSettings? {
        guard settings.takesRemoteSettings else { return nil }
        return RemoteSettings(
            folder: settings.stateFolder, keyFile: settings.releaseKeyFile, problem: settings.remoteProblem, reload: reload,
            log: log.component("uplink")
        ) {
            _ = try readSettings($0)
        }
    }

    /// The clock that dates readings: the clock of the recordings, or the host's clock. The host's clock continues after the newest reading
    /// of this boot.
    private func startClock(_ settings: EdgeSettings, _ sensors: [OpenSensor], _ store: ReadingStore, boot: UInt32) async -> ReadingClock {
        let starts = sensors.compactMap { $0.sensor.identity.startsAt }
        if let first = starts.min() { return .replay(from: first, speed: settings.replaySpeed, recordings: starts.count) }
        return .live(after: (try? await store.newestReading(ofBoot: boot)) ?? nil)
    }
}
