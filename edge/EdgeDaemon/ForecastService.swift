internal import Forecasting
internal import Measures
internal import Observing
internal import Runtime
internal import SQLite

/// Takes in what the samplers bring, observes and forecasts, and commits all of it together. Nothing here waits for the
/// network, and a disk that takes nothing stops neither observing nor forecasting: what is not committed waits in memory.
actor ForecastService: Service {
    private let store: ReadingStore
    private let inbox: Inbox<Sampler.Arrival>
    private let clock: LabelClock
    private let intake: ModelIntake
    private let boot: UInt32
    private let commitPeriod: Duration
    private let held: HeldReadings
    private let log: Log
    private let newest: NewestForecasts
    private let seen: Inbox<RuleWatch.Seen>?
    private static let page = 1_000  // readings at a time
    private var unseen = 0  // values that the rules had no room for
    private var sensors: [SensorName: SensorForecasting] = [:]
    private var grids: [SensorName: TimeGrid] = [:]
    private var observedBefore: Set<SensorName> = []
    private(set) var unrestored: [SensorName] = []  // whose past in the store has not been taken in yet
    private var committedThrough: [SensorName: Int64] = [:]  // the key of a sensor's last committed reading
    private var waiting = WaitingRows(limit: 20_000)
    private var isCommitting = false {
        didSet {
            guard !isCommitting else { return }
            for waiter in waiters { waiter.resume() }
            waiters = []
        }
    }
    private var waiters: [CheckedContinuation<Void, Never>] = []  // for the end of a commit
    private var isToObserveAgain = false  // a record that waits gives readings another time or value
    private var calibrations: [Calibration] = []  // committed or on their way, by the names that sensors have now
    private var renames: [SensorRename] = []
    private var pause: Duration = .zero  // grows while the store cannot be written
    private var nextCommit = ContinuousClock.now

    init(
        store: ReadingStore, inbox: Inbox<Sampler.Arrival>, clock: LabelClock, intake: ModelIntake, newest: NewestForecasts, boot: UInt32,
        commitPeriod: Duration, held: HeldReadings = HeldReadings(), seen: Inbox<RuleWatch.Seen>? = nil,
        log: Log
    ) {
        self.store = store
        self.inbox = inbox
        self.clock = clock
        self.intake = intake
        self.newest = newest
        self.seen = seen
        self.boot = boot
        self.commitPeriod = commitPeriod
        self.held = held
        self.log = log
    }

    /// A sensor that gives readings from now on. They are stored at once; its past is taken in after the first of them, for months
    /// of observations take a while.
    /// - Parameters:
    ///   - calibrations: of all sensors, as the store has them.
    ///   - renames: as the store has them.
    ///   - isAgain: whether observations that are made of its past were there before.
    func expect(_ sensor: SensorName, grid: TimeGrid, calibrations: [Calibration] = [], renames: [SensorRename] = [], isAgain: Bool = false) {
        (self.calibrations, self.renames) = (calibrations, renames)
        if isAgain { observedBefore.insert(sensor) }
        grids[sensor] = grid
        unrestored.append(sensor)
    }

    /// One sensor at a time: what came meanwhile is committed before the next.
    private func restoreNext() async {
        guard let sensor = unrestored.first, let grid = grids[sensor], !Task.isCancelled else { return }  // at the end it only took time
        await intake.load()
        do { try await add(sensor, grid: grid, isAgain: observedBefore.contains(sensor)) } catch let error as SQLiteError where error.isRetryable {
            log(.warning, "earlier observations not read yet", ["sensor": sensor, "error": "\(error)"])
        } catch is CancellationError {
        } catch {
            log(.error, "earlier observations not found, forecasts begin anew", ["sensor": sensor, "error": "\(error)"])
            begin(sensor, grid: grid)
        }
    }

    /// Without what the store has.
    private func begin(_ sensor: SensorName, grid: TimeGrid) {
        let network = intake.active.network
        let forecaster = AdaptiveForecaster(grid: grid, network: network.weights)
        goOn(sensor, grid: grid, SensorForecasting(forecaster: forecaster, releaseCounter: network.counter, through: -1))
    }

    /// Goes on from a state that has seen all that is committed: what waits for its commit comes on top.
    private func goOn(_ sensor: SensorName, grid: TimeGrid, _ state: SensorForecasting, unsaved: some Sequence<ReadingStore.Outcome> = []) {
        sensors[sensor] = state.renumbered(through: waiting.first - 1)
        grids[sensor] = grid
        unrestored.removeAll { $0 == sensor }
        waiting.dropOutcomes(of: sensor)
        for outcome in unsaved { waiting.add(outcome) }
        for (number, said) in waiting.readings(of: sensor) {
            let reading = calibrations.corrected(said, of: sensor)
            for result in sensors[sensor]?.take(reading, number: number) ?? [] { add(result, of: sensor) }
        }
    }

    /// Restores a sensor's state from the store: the observations of its memory, then the readings after them. Nothing may be
    /// committed meanwhile; what comes meanwhile waits, and is taken in at the end.
    /// - Parameter isAgain: whether its observations were there before.
    func add(_ sensor: SensorName, grid: TimeGrid, isAgain: Bool = false) async throws {
        guard let id = await store.sensor(named: sensor) else { return begin(sensor, grid: grid) }
        var last = try await store.newestObservation(sensor: id)?.through ?? 0
        let network = intake.active.network
        var state = SensorForecasting(
            forecaster: try await store.forecaster(sensor: id, grid: grid, network: network.weights), releaseCounter: network.counter, through: last)
        var unsaved: [ReadingStore.Outcome] = []
        // By pages: a calibration may be about months. Of the forecasts only the newest is kept: the others were issued to nobody, and
        // are not to be scored.
        var newest: ReadingStore.Outcome?
        while true {
            try Task.checkCancellation()
            let readings = try await store.readings(sensor: id, after: last, limit: ForecastService.page)
            guard let end = readings.last?.key else { break }
            let outcomes = readings.flatMap { key, reading in
                state.take(reading, number: key).map { result in
                    var outcome = outcome(sensor, result, through: .key(result.through))
                    outcome.isAgain = isAgain
                    return outcome
                }
            }
            let older = ([newest].compactMap(\.self) + outcomes).dropLast().map(\.withoutForecast)
            unsaved += await notSaved(of: older)
            newest = outcomes.last ?? newest
            last = end
        }
        if let newest {
            self.newest.put(newest)
            unsaved += await notSaved(of: [newest])
        }
        // The open bin's committed readings are all here: whatever it completes later went through the last of them.
        committedThrough[sensor] = last
        goOn(sensor, grid: grid, state, unsaved: unsaved.suffix(ForecastService.page))
    }

    /// Stores them, or gives them back: they go with the next commit, then.
    private func notSaved(of outcomes: [ReadingStore.Outcome]) async -> [ReadingStore.Outcome] {
        guard !outcomes.isEmpty else { return [] }
        do { try await store.append([], outcomes: outcomes) } catch { return outcomes }
        return []
    }

    /// Readings of a sensor that are not committed yet, oldest first.
    func waitingReadings(of sensor: SensorName) -> [Reading] { waiting.readings(of: sensor).map(\.1) }

    /// Readings that the store did not take: they are in memory only. 0 while the store takes them.
    var unstoredReadings: Int { pause > .zero ? waiting.readings : 0 }

    /// Returns as long as readings can be taken in.
    func pulse() {}

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.takeArrivals() }
            group.addTask { try await self.tick() }
            try await group.next()
            group.cancelAll()
        }
    }

    private func takeArrivals() async throws {
        while true {
            let arrivals = await inbox.takeAll()
            for arrival in arrivals { take(arrival) }
            if arrivals.isEmpty { break }  // closed and drained
            guard pause == .zero else { continue }
            // A replay produces rows faster than the disk commits them. When a page of rows waits, take no more until the next commit.
            if waiting.readings >= ForecastService.page { try? await Task.sleep(until: nextCommit) }
            if .now >= nextCommit { await commit() }
        }
        while isCommitting { await withCheckedContinuation { waiters.append($0) } }
        await commit()
        if waiting.readings > 0 { log(.error, "readings lost: stopped while the store could not be written", ["count": waiting.readings]) }
    }

    private func take(_ arrival: Sampler.Arrival) {
        switch arrival {
        case .hole(let hole): waiting.add(.record(.hole(hole)))
        case .correction(let correction):
            let correction = ClockCorrection(boot: boot, boottimeMs: correction.boottimeMs, offset: correction.offset)
            waiting.add(.record(.clockCorrection(correction)))
            waiting.dropOutcomes()
            isToObserveAgain = true
            log(.warning, "clock set: earlier readings of this start get their true time", ["offset_ms": correction.offset.ms])
        case .calibration(let calibration):
            waiting.add(.record(.calibration(calibration)))
            waiting.dropOutcomes()
            calibrations.append(renames.renamed(calibration))
            isToObserveAgain = true
            log(
                .info, "calibration taken",
                [
                    "sensor": calibration.sensor, "gain_ppm": calibration.gainPpm, "offset_mpct": calibration.offsetMpct,
                    "from_ms": calibration.from.ms,
                ])
        case .reading(let taken):
            let number = waiting.add(.reading(taken))
            let reading = calibrations.corrected(taken.reading, of: taken.sensor)
            show(.reading(taken.sensor, reading))
            for result in sensors[taken.sensor]?.take(reading, number: number) ?? [] {
                add(result, of: taken.sensor)
            }
        }
    }

    private func add(_ result: SensorForecasting.Result, of sensor: SensorName) {
        let through: ReadingStore.Through =
            result.through >= waiting.first ? .row(Int(result.through - waiting.first)) : .key(committedThrough[sensor] ?? 0)
        let outcome = outcome(sensor, result, through: through)
        newest.put(outcome)
        if let forecast = result.forecast { show(.forecast(sensor, forecast)) }
        waiting.add(outcome)
    }

    /// To the rules, which are quicker than any sensor; only a recording can outrun them.
    private func show(_ value: RuleWatch.Seen) {
        guard let seen, !seen.put(value) else { return }
        if unseen == 0 { log(.warning, "rules are behind: values are not held against them") }
        unseen += 1
    }

    private func outcome(_ sensor: SensorName, _ result: SensorForecasting.Result, through: ReadingStore.Through) -> ReadingStore.Outcome {
        ReadingStore.Outcome(
            sensor: sensor, observation: result.observation, through: through, forecast: result.forecast, releaseCounter: result.releaseCounter,
            issuedAt: clock.now)
    }

    /// What a device has learnt is what one release leaves: for another it is learnt again from the stored observations. A sensor
    /// that observed something meanwhile keeps its release until the next commit.
    private func switchRelease() async throws {
        let network = intake.active.network
        for (sensor, grid) in grids where sensors[sensor].map({ $0.releaseCounter != network.counter }) == true {
            guard let id = await store.sensor(named: sensor) else { continue }
            let forecaster = try await store.forecaster(sensor: id, grid: grid, network: network.weights)
            if sensors[sensor]?.switch(to: forecaster, releaseCounter: network.counter) == true {
                log(.info, "forecasts by another release", ["sensor": "\(sensor)", "counter": network.counter])
            }
        }
    }

    // MARK: commit

    private func commit() async {
        guard !isCommitting else { return }
        for arrival in inbox.takePresent() { take(arrival) }  // readings that arrive before a commit are part of it
        guard !waiting.isEmpty else { return }
        isCommitting = true
        defer { isCommitting = false }
        let sending = waiting.take()
        let isAgain = isToObserveAgain
        isToObserveAgain = false  // what comes from here on is of the next commit
        do {
            let keys = try await append(sending)
            for (row, key) in zip(sending.rows, keys) { if case .reading(let taken) = row { committedThrough[taken.sensor] = key } }
            if pause > .zero { log(.info, "store takes readings again", ["count": sending.readings]) }
            pause = .zero
            nextCommit = .now + commitPeriod
            do {
                // What a record took back went with its commit.
                if isAgain { for (sensor, grid) in grids { try await add(sensor, grid: grid, isAgain: true) } }
                await restoreNext()
                try await switchRelease()
            } catch is CancellationError {
            } catch {
                isToObserveAgain = isToObserveAgain || isAgain
                log(.error, "observations not made again yet", ["error": "\(error)"])
            }
        } catch {
            isToObserveAgain = isToObserveAgain || isAgain
            if pause == .zero { log(.error, "readings cannot be stored, kept in memory for now", ["error": "\(error)", "count": sending.readings]) }
            pause = min(.seconds(30), max(.seconds(1), pause * 2))
            nextCommit = .now + pause
            if let lost = waiting.putBack(sending) { log(.error, "readings lost: the store could not be written for too long", ["count": lost]) }
        }
    }

    /// Rows come first: what cannot be stored beside them for a reason of its own is left out.
    private func append(_ sending: WaitingRows) async throws -> [Int64] {
        do { return try await store.append(sending.rows, outcomes: sending.outcomes) } catch let error
            where !sending.outcomes.isEmpty && (error as? SQLiteError)?.isRetryable != true
        {
            log(.error, "observations and forecasts not stored", ["count": sending.outcomes.count, "error": "\(error)"])
            return try await store.append(sending.rows)
        }
    }

    private func tick() async throws {
        var beat = 0
        while true {
            try await Task.sleep(for: .seconds(1))
            beat += 1
            if !unrestored.isEmpty, !isCommitting {
                isCommitting = true
                await restoreNext()
                isCommitting = false
            }
            // In a replay the clock runs ahead of the rows on their way: there the next row closes a bin.
            if beat % 20 == 0, !clock.isReplay {
                let now = clock.now
                for sensor in sensors.keys where !held.isHeld(sensor) {
                    if let result = sensors[sensor]?.tick(now, grace: commitPeriod + .seconds(60)) {
                        add(result, of: sensor)
                    }
                }
            }
            if !waiting.isEmpty, .now >= nextCommit { await commit() }
        }
    }
}
