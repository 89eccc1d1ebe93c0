internal import EdgeStore
internal import Forecasting
internal import Measures
internal import Observing
internal import Runtime
internal import SQLite
internal import Wire

/// The flow of a reading: from the samplers into the store's log, through its sensor's pipeline, and into one commit with the observations
/// and forecasts derived from it.
///
/// Nothing here waits for the network. A disk that accepts no rows stops neither observing nor forecasting: rows stay pending in the store's
/// memory.
actor ReadingFlow: Service {
    /// Inputs of the flow, processed in order.
    enum Input: Sendable {
        case row(NewRow)
        case heartbeat  // once a second
    }

    private static let page = 250  // rows between two checks of the commit schedule
    private static let pendingLimit = 1_000  // readings that may be pending before a replay must wait

    private let store: ReadingStore
    private let inbox: Inbox<Input>
    private let clock: ReadingClock
    private let intake: ModelIntake
    private let restorer: HistoryRestorer
    private let held: HeldBackReadings
    private let feed: LiveFeed
    private let commitPeriod: Duration
    private let log: Log
    private var schedule: CommitSchedule
    private var pipelines = Pipelines()
    private let restorations = Inbox<SensorName>(limit: 10_000)  // sensors without a pipeline, or with a pipeline of another release
    private var heartbeats = 0

    init(
        store: ReadingStore, inbox: Inbox<Input>, clock: ReadingClock, intake: ModelIntake, feed: LiveFeed, commitPeriod: Duration,
        held: HeldBackReadings = HeldBackReadings(), log: Log
    ) {
        self.store = store
        self.inbox = inbox
        self.clock = clock
        self.intake = intake
        self.feed = feed
        self.commitPeriod = commitPeriod
        self.held = held
        self.log = log
        restorer = HistoryRestorer(store: store, clock: clock)
        schedule = CommitSchedule(period: commitPeriod, now: .now)
    }

    /// Adds a sensor. Its readings are stored from the first reading on. Its history is restored after the first commit, because months of
    /// observations take a while.
    /// - Parameter isReobservation: whether its observations existed before.
    func add(_ sensor: SensorName, grid: TimeGrid, isReobservation: Bool = false) {
        pipelines.add(sensor, grid: grid, isReobservation: isReobservation)
    }

    /// The counter of the release that forecasts a sensor, 0 without one; `nil` until the sensor's history is restored.
    func releaseCounter(of sensor: SensorName) -> UInt64? { pipelines[sensor]?.pipeline?.releaseCounter }

    /// Returns while the flow processes rows: the service manager's watchdog calls it.
    func checkAlive() {}

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.processRows() }
            group.addTask { try await self.heartbeat() }
            group.addTask { try await self.restoreHistories() }
            try await group.next()
            group.cancelAll()
        }
    }

    private func heartbeat() async throws {
        while true {
            try await Task.sleep(for: .seconds(1))
            _ = inbox.enqueue(.heartbeat)  // if the inbox is full, a lost heartbeat does no harm
        }
    }

    // MARK: rows

    private func processRows() async throws {
        var inputs: ArraySlice<Input> = []
        while true {
            if inputs.isEmpty { inputs = await inbox.dequeueAll()[...] }
            if inputs.isEmpty { break }  // closed and drained
            await processPage(&inputs)
            // A replay produces rows faster than the disk commits them: wait for the next commit.
            if !schedule.isBackingOff, await store.pendingReadings >= Self.pendingLimit { try? await Task.sleep(until: schedule.nextAt) }
            guard schedule.isDue(at: .now) else { continue }
            if inputs.isEmpty {
                inputs = inbox.dequeueAvailable()[...]  // readings that arrive before a commit are part of it
                await processPage(&inputs)
            }
            await commit()
        }
        await commit()
        let lost = await store.pendingReadings
        if lost > 0 { log(.error, "readings lost: stopped while the store could not be written", ["count": lost]) }
    }

    /// A replay enqueues thousands of rows: process them by pages, so that no commit takes long, not even the last one.
    private func processPage(_ inputs: inout ArraySlice<Input>) async {
        let page = inputs.prefix(Self.page)
        inputs = inputs.dropFirst(Self.page)
        await processInputs(page)
        for case .heartbeat in page { await tick() }
    }

    private func tick() async {
        heartbeats += 1
        if heartbeats % 20 == 0 { await closeBins() }
        if let counter = pipelines.faultyRelease {
            await intake.goBack(from: counter, .notFinite, detail: "the network computed a forecast that is no number")
        }
        requestRestorations()
    }

    private func processInputs(_ inputs: some Sequence<Input>) async {
        let rows = inputs.compactMap { if case .row(let row) = $0 { row } else { nil } }
        guard !rows.isEmpty else { return }
        pipelines.willEnqueue()
        let readings = await store.enqueue(rows)
        var derived: [DerivedRow] = []
        for reading in readings {
            feed.publish(reading)
            derived += pipelines.add(reading, now: clock.now)
        }
        for case .record(let record) in rows { await handleRecord(record) }
        await enqueue(derived)
    }

    private func enqueue(_ derived: [DerivedRow]) async {
        for row in derived { feed.publish(row) }
        if !derived.isEmpty { await store.enqueue(derived) }
    }

    /// Marks the sensors whose earlier readings get another time or value from a record. The observations of these sensors are computed again after
    /// the commit of the record.
    private func handleRecord(_ record: Record) async {
        switch record {
        case .clockCorrection(let correction):
            pipelines.markChanged(pipelines.sensors)
            log(.warning, "clock set: correcting the times of readings since the host's start", ["offset_ms": correction.offset.ms])
        case .calibration(let calibration):
            let sensor = await store.corrections.sensor(of: calibration)
            pipelines.markChanged([sensor])
            log(
                .info, "calibration applied",
                [
                    "sensor": sensor, "gain_ppm": calibration.gainPpm, "offset_mpct": calibration.offsetMpct, "from_ms": calibration.from.ms,
                ])
        case .hole, .sensor, .rename: break
        }
    }

    /// Completes observations whose bin has ended without a later reading. In a replay the clock is ahead of the rows in the inbox, so the
    /// next row completes them.
    private func closeBins() async {
        guard !clock.isReplay else { return }
        await enqueue(pipelines.closeBins(now: clock.now, grace: commitPeriod + .seconds(60)) { held.isHeld($0) })
    }

    private func commit() async {
        let isPending = await store.hasPendingRows
        guard isPending || pipelines.hasChangedHistories else { return }
        let count = await store.pendingReadings
        do {
            try await store.commitPending()
            if schedule.isBackingOff { log(.info, "store writes to the disk again", ["count": count]) }
            if isPending { schedule.committed(at: .now) }
            pipelines.discardChanged()
            requestRestorations()
        } catch {
            if !schedule.isBackingOff { log(.error, "readings cannot be stored, keeping them in memory", ["error": "\(error)", "count": count]) }
            schedule.failed(at: .now)
        }
    }

    // MARK: histories

    private func requestRestorations() {
        for sensor in pipelines.outdated(releaseCounter: intake.active.model.counter) { _ = restorations.enqueue(sensor) }
    }

    private func restoreHistories() async throws {
        while true {
            let requested = await restorations.dequeueAll()
            if requested.isEmpty { return }
            for sensor in Set(requested).sorted(by: { $0.name < $1.name }) {
                try Task.checkCancellation()
                await intake.load()
                do {
                    if pipelines[sensor]?.pipeline == nil { try await restore(sensor) } else { try await switchRelease(of: sensor) }
                } catch let error as SQLiteError where error.isRetryable {
                    log(.warning, "history not read, retrying", ["sensor": sensor, "error": "\(error)"])
                } catch let error where !(error is CancellationError) {
                    log(.error, "history cannot be read: forecasts start without history", ["sensor": sensor, "error": "\(error)"])
                    pipelines.start(sensor, model: intake.active.model)
                }
            }
        }
    }

    /// Restores the pipeline of a sensor. Rows that arrive meanwhile are enqueued and committed as usual; the last pages include them.
    func restore(_ sensor: SensorName) async throws {
        guard let state = pipelines[sensor] else { return }
        var restored = try await restorer.start(sensor, grid: state.grid, model: intake.active.model)
        repeat {
            pipelines.willReadHistory(of: sensor)
            while try await restorer.addPage(of: sensor, to: &restored, isReobservation: state.isReobservation) {}
        } while pipelines[sensor]?.hasMissedReadings == true
        // If the history has changed meanwhile, the next request restores it again.
        guard pipelines.install(restored, of: sensor, revision: state.revision) else { return }
        if let newest = restored.newest { await enqueue([newest]) }
    }

    /// Switches a sensor to another release. The state of a forecaster is specific to one release: a new forecaster learns from the stored
    /// observations again. While an observation is uncommitted, the sensor keeps its release until after the next commit.
    private func switchRelease(of sensor: SensorName) async throws {
        let model = intake.active.model
        guard let state = pipelines[sensor], state.pipeline?.releaseCounter != model.counter else { return }
        let forecaster = try await restorer.forecaster(of: sensor, grid: state.grid, model: model)
        if pipelines.switchRelease(of: sensor, to: forecaster, model: model) {
            log(.info, "sensor switched to another release", ["sensor": sensor, "counter": model.counter])
        }
    }
}
