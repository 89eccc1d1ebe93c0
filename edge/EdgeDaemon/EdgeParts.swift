internal import Console
internal import EdgeStore
internal import HTTPServer
internal import Measures
internal import Observing
internal import Runtime

/// The objects that the daemon's services share, and the services themselves.
struct EdgeParts {
    let settings: EdgeSettings
    let boot: UInt32
    let store: ReadingStore
    let clock: ReadingClock
    let log: Log
    let inbox = Inbox<ReadingFlow.Input>(limit: 10_000)
    let held = HeldBackReadings()
    let recent = NewestReadings()
    let forecasts = NewestForecasts()
    let identity: DeviceIdentity
    let uplink: UplinkStatus
    let intake: ModelIntake
    let mouldIndexes: MouldIndexes
    let statuses: SensorStatuses
    let alarms: [AlarmDelivery]
    let rules: RuleWatch
    let flow: ReadingFlow
    let remoteSettings: RemoteSettings?
    let reload: ReloadRequests

    init(
        settings: EdgeSettings, remoteSettings: RemoteSettings?, reload: ReloadRequests, boot: UInt32, store: ReadingStore, clock: ReadingClock,
        log: Log
    ) async {
        self.settings = settings
        (self.remoteSettings, self.reload) = (remoteSettings, reload)
        self.boot = boot
        self.store = store
        self.clock = clock
        self.log = log
        identity = DeviceIdentity(settings.device)
        uplink = UplinkStatus(last: settings.cloud == nil ? nil : try? await store.uplinkState())
        intake = ModelIntake(
            folder: settings.stateFolder, keyFile: settings.releaseKeyFile, pretrained: settings.pretrainedFile,
            access: .daemon(boot: boot) { clock.now }, log: log.component("model"))
        mouldIndexes = MouldIndexes(store: store)
        statuses = SensorStatuses(store: store, recent: recent)
        alarms = AlarmDelivery.targets(settings).map { [identity] in
            AlarmDelivery($0, device: identity, store: store, log: log.component("alarm"))
        }
        rules = RuleWatch(
            rules: settings.rules, sensors: settings.sensors.map(\.name), surfaces: settings.surfaces, store: store, mouldIndexes: mouldIndexes,
            deliveries: alarms, log: log.component("rules"))
        let feed = LiveFeed(forecasts: forecasts, rules: settings.rules.isEmpty ? nil : rules.inbox, log: log.component("rules"))
        flow = ReadingFlow(
            store: store, inbox: inbox, clock: clock, intake: intake, feed: feed, commitPeriod: settings.commitPeriod, held: held,
            log: log.component("forecast"))
    }

    func services(_ sensors: [OpenSensor]) async -> [any Service] {
        var services: [any Service] = [flow, rules, housekeeping, notes, serviceManager, releaseWatch]
        services += alarms
        for sensor in sensors {
            await register(sensor)
            services.append(await sampler(sensor))
        }
        if let endpoint = settings.listen { services.append(api(endpoint)) }
        if settings.cloud != nil || settings.followsEnrolment { services.append(cloudLink) }
        return services
    }

    private var housekeeping: Housekeeping {
        Housekeeping(store: store, retention: settings.retention, clock: clock, log: log.component("store"))
    }

    private var releaseWatch: ReleaseWatch { ReleaseWatch(store: store, intake: intake, clock: clock, log: log.component("model")) }

    private var notes: SensorNotesWatch {
        SensorNotesWatch(folder: settings.stateFolder, store: store, inbox: inbox, log: log.component("sensors"))
    }

    private var serviceManager: ServiceManager {
        let count = settings.sensors.count
        return ServiceManager(
            environment: ProcessEnvironment.all, status: "\(count) \(count == 1 ? "sensor" : "sensors"), device \(settings.device)", log: log,
            isReloading: { [reload] in reload.isRequested }, checkAlive: { [flow] in await flow.checkAlive() })
    }

    private func api(_ endpoint: Endpoint) -> LocalAPI {
        LocalAPI(
            settings: settings, identity: identity, endpoint: endpoint, store: store, newest: forecasts, statuses: statuses,
            mouldIndexes: mouldIndexes,
            uplink: uplink, intake: intake, clock: clock, log: log.component("api"))
    }

    private var cloudLink: CloudLink {
        CloudLink(
            settings: settings, identity: identity, store: store, intake: intake, clock: clock, status: uplink, statuses: statuses,
            remoteSettings: remoteSettings, log: log.component("uplink"))
    }

    /// Stores the sensor's record. A full disk is not an error here: the store then stores the record with the first reading.
    private func register(_ sensor: OpenSensor) async {
        let notes = try? SensorNotes(in: settings.stateFolder, names: [], applied: await store.corrections.renames)
        do { try await store.register(sensor.record(serial: notes?.serial(of: sensor.name))) } catch {
            log(.error, "sensor record not stored, retrying with the first reading", ["sensor": sensor.name, "error": "\(error)"])
        }
    }

    /// Creates the sampler of a sensor. Restores an outage and a run of equal values that had not ended when the last run of the daemon ended.
    private func sampler(_ sensor: OpenSensor) async -> Sampler {
        let last = (try? await SensorStatuses(store: store).all())?.first { $0.record.sensor == sensor.name }
        let newestAt = (try? await store.newestInstant(of: sensor.name)) ?? nil
        return Sampler(
            name: sensor.name, sensor: sensor.sensor, period: settings.samplePeriod, clock: clock, boot: boot, store: store, inbox: inbox,
            held: held, recent: recent, outage: last?.isUnreadable == true ? Outage(continuingSince: newestAt) : Outage(),
            quality: (try? await store.unfinishedSpell(of: sensor.name)) ?? QualityTracking(), log: log.component("sampler"))
    }
}
