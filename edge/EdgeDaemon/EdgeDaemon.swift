internal import HTTPClient
internal import Measures
internal import Observing
internal import Runtime
internal import Sensors

/// The daemon: opens the store, the sensors and the release, then runs everything until it is told to stop.
package struct EdgeDaemon {
    private let settings: EdgeSettings
    private let log: Log

    package init(settings: EdgeSettings) {
        self.settings = settings
        log = Log("vaho-edge", least: settings.logLevel)
    }

    package func run() async throws {
        try Files.makeFolder(settings.stateFolder)
        let lock = try FolderLock(settings.stateFolder)
        defer { withExtendedLifetime(lock) {} }
        let store = try await ReadingStore(path: settings.storePath, host: .current(), log: log.component("store"))
        let intake = ModelIntake(
            folder: settings.stateFolder, keyFile: settings.releaseKeyFile, store: store, log: log.component("model"))
        await intake.load()

        var opened: [(configured: EdgeSettings.ConfiguredSensor, sensor: any Sensor)] = []
        for configured in settings.sensors {
            let newest = try await store.newestInstant(sensor: configured.name)
            opened.append((configured, try configured.spec.open(sysfs: settings.sysfs, startingAfter: newest)))
        }
        let starts = opened.compactMap { $0.sensor.identity.startsAt }
        let clock = starts.min().map { LabelClock.replay(from: $0, speed: settings.replaySpeed) } ?? .system

        let inbox = Inbox<Sampler.Arrival>(limit: 10_000)
        let forecasts = ForecastService(
            store: store, inbox: inbox, clock: clock, release: intake.active, commitPeriod: settings.commitPeriod,
            log: log.component("forecast"))
        var services: [any Service] = [
            StopSignal(log: log), forecasts,
            Housekeeping(store: store, retention: settings.retention, clock: clock, log: log.component("store")),
        ]
        let boot = await store.boot
        for (configured, sensor) in opened {
            let identity = sensor.identity
            let grid = TimeGrid(medianSpacing: identity.spacing ?? settings.samplePeriod)
            let id = try await store.register(
                SensorRecord(
                    sensor: configured.name, kind: identity.kind, driver: identity.driver, serial: identity.serial, place: configured.place,
                    step: grid.step))
            try await forecasts.add(sensor: id, grid: grid)
            services.append(
                Sampler(
                    name: configured.name, id: id, sensor: sensor, period: settings.samplePeriod, clock: clock, boot: boot, store: store,
                    inbox: inbox, log: log.component("sampler")))
        }
        if let endpoint = settings.listen {
            services.append(
                LocalAPI(device: settings.device, endpoint: endpoint, store: store, intake: intake, clock: clock, log: log.component("api")))
        }
        if let cloud = settings.cloud {
            var http = HTTPClient.Settings(userAgent: "vaho-edge/\(EdgeVersion.text)")
            http.certificateAuthorities = cloud.certificateAuthorities
            services.append(
                Uplink(
                    device: settings.device, url: cloud.url, token: cloud.token, period: cloud.syncPeriod, client: HTTPClient(settings: http),
                    store: store, intake: intake, clock: clock, log: log.component("uplink")))
        }
        log(.info, "running", ["device": settings.device, "sensors": opened.count, "epoch": await store.current.epoch, "version": EdgeVersion.text])
        try await Services.run(services)
        try await store.saveHeld()
        log(.info, "stopped")
    }
}

package enum EdgeVersion {
    package static let text = "0.1.0"
}
