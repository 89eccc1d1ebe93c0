internal import Console
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
        let lock = try lockFolder()
        defer { withExtendedLifetime(lock) {} }
        let stop = StopSignal(log: log)
        let host = HostIdentity.current()
        let store = try await ReadingStore(path: settings.storePath, host: host, log: log.component("store"))
        let renamed = await takeNames(store)
        // The watch tells why not, and takes them in when they can be read.
        let found = try? SensorNotes(in: settings.stateFolder, names: [], taken: await store.renames)
        let notes = found ?? SensorNotes()
        let logged = (try? await store.know(notes.calibrations)) ?? Instant(ms: 0)
        let known = found == nil ? Instant(ms: 0) : logged  // said again, they are the same
        let intake = ModelIntake(
            folder: settings.stateFolder, keyFile: settings.releaseKeyFile, pretrained: settings.pretrainedFile, store: store,
            log: log.component("model"))

        var opened: [(configured: EdgeSettings.ConfiguredSensor, sensor: any Sensor)] = []
        for configured in settings.sensors {
            let newest = try await store.newestInstant(sensor: configured.name)
            opened.append((configured, try configured.spec.open(sysfs: settings.sysfs, startingAfter: newest, period: settings.samplePeriod)))
        }
        let starts = opened.compactMap { $0.sensor.identity.startsAt }
        let lastHere = (try? await store.newestReading(ofBoot: host.boot)) ?? nil
        // Live, the clock goes on from where it stood in this start of the host, whatever it shows now.
        let clock =
            starts.min().map { .replay(from: $0, speed: settings.replaySpeed, recordings: starts.count) } ?? LabelClock.live(after: lastHere)

        let inbox = Inbox<ReadingFlow.Input>(limit: 10_000)
        let newest = NewestForecasts()
        let held = HeldReadings()
        let recent = NewestReadings()
        let identity = DeviceIdentity(settings.device)
        let uplink = UplinkStatus(last: settings.cloud == nil ? nil : try? await store.counts().uplink)
        var http = HTTPClient.Settings(userAgent: "vaho-edge/\(EdgeVersion.text)")
        http.certificateAuthorities = settings.certificateAuthorities
        var targets: [AlarmDelivery.Target] = []
        if let command = settings.alarmCommand { targets.append(.command(command)) }
        if let webhook = settings.alarmWebhook { targets.append(.webhook(webhook, HTTPClient(settings: http))) }
        let alarms = targets.map { AlarmDelivery($0, device: identity, store: store, log: log.component("alarm")) }
        let rules = RuleWatch(
            rules: settings.rules, sensors: settings.sensors.map(\.name), surfaces: settings.surfaces, store: store, deliveries: alarms,
            log: log.component("rules"))
        let feed = LiveFeed(forecasts: newest, rules: settings.rules.isEmpty ? nil : rules.inbox, log: log.component("rules"))
        let flow = ReadingFlow(
            store: store, inbox: inbox, clock: clock, intake: intake, feed: feed, commitPeriod: settings.commitPeriod, held: held,
            log: log.component("forecast"))
        var services: [any Service] = [
            stop, flow, rules,
            Housekeeping(store: store, retention: settings.retention, clock: clock, log: log.component("store")),
        ]
        services += alarms
        services.append(
            SensorNotesWatch(
                folder: settings.stateFolder, renames: await store.renames, known: known, inbox: inbox, log: log.component("sensors")))
        for (configured, sensor) in opened {
            let identity = sensor.identity
            let grid = TimeGrid(medianSpacing: identity.spacing ?? settings.samplePeriod)
            let record = SensorRecord(
                sensor: configured.name, kind: identity.kind, driver: identity.driver,
                serial: identity.serial.isEmpty ? notes.serial(of: configured.name) ?? "" : identity.serial, place: configured.place, step: grid.step)
            // A disk that is full right now must not keep the sensor from being read.
            do { try await store.register(record) } catch {
                log(.error, "sensor's record not stored yet", ["sensor": configured.name, "error": "\(error)"])
            }
            await flow.add(configured.name, grid: grid, isReobservation: renamed.contains(configured.name))
            let last = (try? await store.sensorStatuses())?.first { $0.record.sensor == configured.name }
            let newestAt = (try? await store.newestInstant(sensor: configured.name)) ?? nil
            let outage = last?.isUnreadable == true ? Outage(goingOnSince: newestAt) : Outage()
            services.append(
                Sampler(
                    name: configured.name, sensor: sensor, period: settings.samplePeriod, clock: clock, boot: host.boot, store: store,
                    inbox: inbox, held: held, recent: recent, outage: outage, quality: await quality(of: configured.name, store),
                    log: log.component("sampler")))
        }
        if let endpoint = settings.listen {
            services.append(
                LocalAPI(
                    settings: settings, identity: identity, endpoint: endpoint, store: store, newest: newest, recent: recent,
                    uplink: uplink,
                    intake: intake, clock: clock, log: log.component("api")))
        }
        if settings.cloud != nil || settings.followsEnrolment {
            services.append(
                CloudLink(
                    settings: settings, identity: identity, store: store, intake: intake, clock: clock, status: uplink, recent: recent,
                    log: log.component("uplink")))
        }
        services.append(
            ServiceManager(
                environment: ProcessEnvironment.all, status: "\(opened.count) \(opened.count == 1 ? "sensor" : "sensors"), device \(settings.device)",
                log: log, pulse: { await flow.pulse() }))
        log(.info, "running", ["device": settings.device, "sensors": opened.count, "epoch": await store.current.epoch, "version": EdgeVersion.text])
        try await Services.run(services)
        do { try await store.saveDelivery() } catch {
            log(.warning, "what the cloud holds is not saved, rows will be compared again", ["error": "\(error)"])
        }
        log(.info, "stopped")
    }

    /// Sensors that have another name in the configuration now, and were said to be the same.
    /// - Returns: their new names.
    private func takeNames(_ store: ReadingStore) async -> Set<SensorName> {
        var taken: Set<SensorName> = []
        do {
            let notes = try SensorNotes(in: settings.stateFolder, names: Set(settings.sensors.map(\.name)), taken: await store.renames)
            for stray in notes.strays where await !store.knows(stray) {
                log(.warning, "sensor renamed, but not in the configuration: its series waits", ["sensor": stray.sensor, "name": stray.name])
            }
            for rename in notes.renames where await !store.knows(rename) {
                guard try await store.counts().refuge == nil else { throw StoreFault("the store is in memory only") }
                guard try await !store.overlap(rename.sensor, rename.name) else {
                    log(.error, "sensor not renamed: both names have readings of the same time", ["sensor": rename.sensor, "name": rename.name])
                    continue
                }
                let before = await store.renames
                let calibratedSince = notes.calibrations.filter { [rename.sensor, rename.name].contains(before.renamed($0).sensor) }.map(\.from).min()
                try await store.rename(rename.sensor, to: rename.name, saidAt: rename.saidAt, calibratedSince: calibratedSince)
                taken.insert(rename.name)
                log(.info, "sensor renamed: its series goes on", ["sensor": rename.sensor, "name": rename.name])
            }
        } catch {
            log(.error, "sensor's new name not taken yet", ["error": "\(error)"])
        }
        return taken
    }

    /// What a sensor's earlier readings tell of a flat line that has not ended.
    private func quality(of sensor: SensorName, _ store: ReadingStore) async -> QualityTracking {
        guard let found = (try? await store.flatLine(of: sensor)) ?? nil else { return QualityTracking() }
        return QualityTracking(last: found.mpct, at: found.at, flatSince: found.since, isFlagged: found.isFlagged)
    }

    /// Keeps a second daemon out. On a disk that takes no lock there is nothing that two could spoil.
    private func lockFolder() throws -> FolderLock? {
        do {
            try Files.makeFolder(settings.stateFolder)
            let isUsed = Files.exists("\(settings.stateFolder)/lock")
            if isUsed, !Files.exists(settings.storePath) {
                log(.error, "store is missing though there was one: a new one is made", ["store": settings.storePath])
            }
            return try FolderLock(settings.stateFolder)
        } catch let error as FileError where error.isDiskTrouble {
            log(.error, "state folder cannot be written", ["error": "\(error)"])
            return nil
        }
    }
}

package enum EdgeVersion {
    package static let text = "0.1.0"
}
