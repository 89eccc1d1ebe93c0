internal import Console
internal import EdgeStore
internal import Measures
internal import Observing
internal import Runtime
internal import Sensors

/// The daemon: opens the store, the sensors and the release, then runs all services until a stop signal.
package struct EdgeDaemon {
    private let settings: EdgeSettings
    private let log: Log

    package init(settings: EdgeSettings) {
        self.settings = settings
        log = Log("vaho-edge", minimumLevel: settings.logLevel)
    }

    package func run() async throws {
        let lock = try StateFolder(settings: settings, log: log).lock()
        defer { withExtendedLifetime(lock) {} }
        let stop = StopSignal(log: log)
        let host = HostIdentity.current()
        let store = try await ReadingStore(path: settings.storePath, host: host, log: log.component("store"))
        let renamed = await SensorRenaming(settings: settings, store: store, log: log).apply()
        let sensors = try await OpenSensor.all(settings, store)
        let clock = await startClock(sensors, store, boot: host.boot)
        let parts = await EdgeParts(settings: settings, boot: host.boot, store: store, clock: clock, log: log)
        for sensor in sensors { await parts.flow.add(sensor.name, grid: sensor.grid, isReobservation: renamed.contains(sensor.name)) }
        let services = await parts.services(sensors)
        log(
            .info, "running",
            ["device": settings.device, "sensors": sensors.count, "epoch": await store.current.epoch, "version": EdgeVersion.text])
        try await Services.run([stop] + services)
        await parts.intake.markStopped()
        do { try await store.saveDelivery() } catch {
            log(.warning, "acknowledgements not saved: rows will be sent again", ["error": "\(error)"])
        }
        log(.info, "stopped")
    }

    /// The clock that dates readings: the clock of the recordings, or the host's clock. The host's clock continues after the newest reading
    /// of this boot.
    private func startClock(_ sensors: [OpenSensor], _ store: ReadingStore, boot: UInt32) async -> ReadingClock {
        let starts = sensors.compactMap { $0.sensor.identity.startsAt }
        if let first = starts.min() { return .replay(from: first, speed: settings.replaySpeed, recordings: starts.count) }
        return .live(after: (try? await store.newestReading(ofBoot: boot)) ?? nil)
    }
}

package enum EdgeVersion {
    package static let text = "0.1.0"
}
