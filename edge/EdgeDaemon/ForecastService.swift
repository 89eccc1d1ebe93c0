internal import Forecasting
internal import Measures
internal import Observing
internal import Runtime

/// Commits what the samplers bring, then observes and forecasts from what is committed. Nothing here waits for the network.
actor ForecastService: Service {
    private let store: ReadingStore
    private let inbox: Inbox<Sampler.Arrival>
    private let clock: LabelClock
    private let release: ActiveRelease
    private let commitPeriod: Duration
    private let log: Log
    private var sensors: [Int64: SensorForecasting] = [:]

    private static let waitingLimit = 20_000  // arrivals kept while the store cannot be written

    init(store: ReadingStore, inbox: Inbox<Sampler.Arrival>, clock: LabelClock, release: ActiveRelease, commitPeriod: Duration, log: Log) {
        self.store = store
        self.inbox = inbox
        self.clock = clock
        self.release = release
        self.commitPeriod = commitPeriod
        self.log = log
    }

    /// Restores a sensor's state from the store: eight days of observations, then the readings after them.
    func add(sensor id: Int64, grid: TimeGrid) async throws {
        let newest = try await store.newestObservation(sensor: id)
        let since = (newest?.at ?? Instant(ms: 0)) - .seconds(History.days * 86_400)
        let observations = try await store.observations(sensor: id, since: since)
        var state = SensorForecasting(id: id, grid: grid, observations: observations, through: newest?.through ?? 0)
        var outcomes: [ReadingStore.Outcome] = []
        for (key, reading) in try await store.readings(sensor: id, after: newest?.through ?? 0) {
            outcomes += state.take(reading, key: key, release: release.current?.release, now: clock.now)
        }
        try await store.save(outcomes)
        sensors[id] = state
    }

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.commitArrivals() }
            group.addTask { try await self.closeOverdueBins() }
            try await group.next()
            group.cancelAll()
        }
    }

    private func commitArrivals() async throws {
        var waiting: [Sampler.Arrival] = []
        var pause: Duration = .zero  // grows while the store cannot be written
        while true {
            if waiting.isEmpty || pause == .zero { waiting += await inbox.takeAll() }
            guard !waiting.isEmpty else { return }  // closed and drained
            do {
                try await commit(waiting)
                if pause > .zero { log(.info, "store takes readings again", ["count": waiting.count]) }
                waiting = []
                pause = .zero
                try? await Task.sleep(for: commitPeriod)  // cancelled: take what is left, then end
            } catch {
                if pause == .zero { log(.error, "readings cannot be stored, kept in memory for now", ["error": "\(error)", "count": waiting.count]) }
                pause = min(.seconds(60), max(.seconds(1), pause * 2))
                if waiting.count > ForecastService.waitingLimit {
                    let lost = waiting.count - ForecastService.waitingLimit
                    waiting.removeFirst(lost)
                    log(.error, "readings lost: the store could not be written for too long", ["count": lost])
                }
                if Task.isCancelled { throw error }
                try await Task.sleep(for: pause)
            }
        }
    }

    private func commit(_ arrivals: [Sampler.Arrival]) async throws {
        var readings: [ReadingStore.Taken] = []
        for arrival in arrivals {
            switch arrival {
            case .reading(let taken): readings.append(taken)
            case .hole(let hole): try await store.append(.hole(hole))
            }
        }
        guard !readings.isEmpty else { return }
        let keys = try await store.append(readings)
        let active = release.current?.release
        let now = clock.now
        var outcomes: [ReadingStore.Outcome] = []
        for (key, taken) in zip(keys, readings) {
            outcomes += sensors[taken.sensor]?.take(taken.reading, key: key, release: active, now: now) ?? []
        }
        await save(outcomes)
    }

    private func closeOverdueBins() async throws {
        while true {
            try await Task.sleep(for: .seconds(clock.isReplay ? 1 : 20))
            let now = clock.now
            var outcomes: [ReadingStore.Outcome] = []
            // In a replay the clock runs ahead of the rows on their way: there the next row closes a bin.
            for id in sensors.keys.sorted() where !clock.isReplay {
                if let outcome = sensors[id]?.tick(now, grace: commitPeriod + .seconds(60), release: release.current?.release) {
                    outcomes.append(outcome)
                }
            }
            await save(outcomes)
        }
    }

    /// The readings are safe already: an observation that cannot be stored now is made again from them at the next start.
    private func save(_ outcomes: [ReadingStore.Outcome]) async {
        guard !outcomes.isEmpty else { return }
        do { try await store.save(outcomes) } catch {
            log(.error, "observations and forecasts not stored", ["count": outcomes.count, "error": "\(error)"])
        }
    }
}
