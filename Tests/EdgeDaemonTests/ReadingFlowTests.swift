@testable import EdgeDaemon
import EdgeStore
import StoreExamples
import Examples
import Forecasting
import Measures
import Observing
import Releases
import SQLite
@testable import Runtime
import Testing
import Wire

/// Readings go in, observations and forecasts come out, over a store in memory. The flow ends when its inbox is closed and empty.
@Suite struct ReadingFlowTests {
    /// A flow with one sensor named air.
    private struct Bench {
        let store: ReadingStore
        let air: SensorName
        let id: Int64
        let intake: ModelIntake
        let inbox = Inbox<ReadingFlow.Input>(limit: 10_000)
        let flow: ReadingFlow

        /// - Parameter store: `nil` for a new one.
        init(store found: ReadingStore? = nil, clock: ReadingClock = .live(), commitPeriod: Duration = .zero, isReobservation: Bool = false)
            async throws
        {
            let log = Log("test", minimumLevel: .error)
            if let found {
                store = found
            } else {
                store = try await ReadingStore(path: ":memory:", host: HostIdentity(fingerprint: "a", bootID: "b"), log: log)
            }
            air = try #require(SensorName("air"))
            id = try await store.register(air)
            intake = ModelIntake(folder: "/var/empty/vaho", keyFile: nil, access: .readOnly, log: log)  // without a release
            flow = ReadingFlow(
                store: store, inbox: inbox, clock: clock, intake: intake, feed: LiveFeed(forecasts: NewestForecasts(), rules: nil, log: log),
                commitPeriod: commitPeriod, log: log)
            await flow.add(air, grid: .fine, isReobservation: isReobservation)
        }

        func enqueue(_ rows: some Sequence<NewRow>) { for row in rows { #expect(inbox.enqueue(.row(row))) } }

        /// Runs the flow until it has processed its whole inbox and restored its histories.
        func runToEnd() async throws {
            inbox.close()
            try await flow.run()
            try await flow.restore(air)
            try await store.commitPending()
        }

        func observations() async throws -> [Observation] { try await store.observations(of: air, after: Instant(ms: 0)) }
    }

    private func run(_ rows: [NewRow], in store: ReadingStore? = nil) async throws -> (store: ReadingStore, observations: [Observation]) {
        let bench = try await Bench(store: store)
        try await bench.flow.restore(bench.air)
        bench.enqueue(rows)
        try await bench.runToEnd()
        return (bench.store, try await bench.observations())
    }

    /// One reading a minute, for the given minutes of the host's running time. `labelled` is the wall time at the host's start.
    private func readings(_ minutes: ClosedRange<Int64>, labelled: Int64, clock: ClockQuality) throws -> [NewRow] {
        let air = try #require(SensorName("air"))
        return minutes.map { minute in
            .reading(
                SensorReading(
                    sensor: air,
                    reading: Reading(
                        takenAt: Instant(ms: labelled + minute * 60_000), humidityMpct: Int32(40_000 + minute), clock: clock, boot: 7,
                        boottimeMs: minute * 60_000)))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `observations made under a wrong time are made again under the true time`() async throws {
        let truth: Int64 = 1_700_000_400_000  // the true time of the host's start, a full ten minutes
        let before = try readings(1...45, labelled: 0, clock: .unknown)
        let after = try readings(46...80, labelled: truth, clock: .synchronised)
        let correction = ClockCorrection(boot: 7, boottimeMs: 0...46 * 60_000 - 1, offset: .milliseconds(truth))
        let found = try await run(before + [.record(.clockCorrection(correction))] + after)
        let straight = try await run(readings(1...80, labelled: truth, clock: .synchronised))
        #expect(found.observations == straight.observations)
        let times: [Int64] = (1...8).map { truth + $0 * 600_000 }
        #expect(found.observations.map(\.validAt.ms) == times)
        // The stored rows stay unchanged. The correction is one of them and is sent as a row.
        let life = await found.store.current
        let batch = try #require(try await found.store.batch(of: life.epoch, from: 1, through: life.last, limit: 1_000))
        #expect(batch.rows.contains(.record(.clockCorrection(correction))))
    }

    @Test(.timeLimit(.minutes(1))) func `a calibration applies to readings from its start on, stored or new, and raw readings stay unchanged`()
        async throws
    {
        let start: Int64 = 1_700_000_400_000
        let air = try #require(SensorName("air"))
        let since = Instant(ms: start + 20 * 60_000 + 1)
        let wrong = Calibration(sensor: air, from: since, offsetMpct: 9_000)
        let right = Calibration(sensor: air, from: since, gainPpm: 900_000, offsetMpct: 5_000)
        let before = try readings(1...45, labelled: start, clock: .synchronised)
        let after = try readings(46...80, labelled: start, clock: .synchronised)
        let found = try await run(before + [.record(.calibration(wrong)), .record(.calibration(right))] + after)
        let straight = try await run(before + after)
        let expected = straight.observations.map { observation in
            observation.validAt < since ? observation.humidity.percent : observation.humidity.percent * 0.9 + 5
        }
        #expect(zip(found.observations.map(\.humidity.percent), expected).allSatisfy { abs($0 - $1) < 0.0011 })
        #expect(found.observations.count == 8)
        #expect(try await found.store.rawReadings(of: air, limit: 1).first?.humidityMpct == 40_080)
        #expect(try await SensorStatuses(store: found.store).all().first?.last?.humidity.percent == 41.072)
        let life = await found.store.current
        let batch = try #require(try await found.store.batch(of: life.epoch, from: 1, through: life.last, limit: 1_000))
        #expect(batch.rows.contains(.record(.calibration(right))))
        #expect(await found.store.corrections.calibrations == [wrong, right])
    }

    @Test(.timeLimit(.minutes(1))) func `observations whose readings retention has deleted stay unchanged`() async throws {
        let start: Int64 = 1_700_000_400_000
        let air = try #require(SensorName("air"))
        let folder = try StoreFolder()
        let found = try await run(readings(1...80, labelled: start, clock: .synchronised), in: folder.open())
        // Deletes readings as retention does; the fourth bin loses part of its readings.
        try Connection(path: folder.store).execute("DELETE FROM reading WHERE key IN (SELECT key FROM reading ORDER BY key LIMIT 34)")
        try await found.store.append([.record(.calibration(Calibration(sensor: air, from: Instant(ms: start), offsetMpct: 9_000)))])
        let left = try await found.store.observations(of: air, after: Instant(ms: 0))
        #expect(left == Array(found.observations.prefix(4)))
        let bench = try await Bench(store: found.store, isReobservation: true)
        try await bench.runToEnd()
        let again = try await found.store.observations(of: air, after: Instant(ms: 0)).map(\.humidity.percent)
        #expect(again == found.observations.enumerated().map { $0 < 4 ? $1.humidity.percent : $1.humidity.percent + 9 })
    }

    @Test(.timeLimit(.minutes(1))) func `readings that arrive before a commit are part of it`() async throws {
        let bench = try await Bench(commitPeriod: .seconds(3_600))
        let rows = try readings(1...3, labelled: 1_700_000_400_000, clock: .synchronised)
        async let running: Void = bench.flow.run()
        bench.enqueue(rows.prefix(1))
        try await eventually { try await bench.store.counts().readings == 1 }  // the first reading is committed at once
        bench.enqueue(rows.dropFirst())
        try await eventually { await bench.store.pendingReadings == 2 }  // the other readings wait for the period or for the end
        #expect(try await bench.store.counts().readings == 1)
        bench.inbox.close()
        try await running
        #expect(try await bench.store.counts().readings == 3)
    }

    @Test(.timeLimit(.minutes(1))) func `a new release forecasts after a commit, adapted to the history as if it had always run`() async throws {
        let bench = try await Bench()
        let rows = try readings(1...3_000, labelled: 1_700_000_400_000, clock: .synchronised)
        async let running: Void = bench.flow.run()
        bench.enqueue(rows[..<2_900])
        try await eventually { try await bench.store.forecast(of: bench.air)?.forecast.method == .dampedAnomaly }
        try await eventually { try await bench.store.counts().readings == 2_900 }
        let network = anyNetwork(size: 0.01)
        let provenance = Provenance(snapshot: "", codeVersion: "", seed: 0, configuration: "", parent: "", backtest: "")
        let header = ReleaseHeader(counter: 9, modelID: "m", createdAt: Instant(ms: 1), expiresAt: Instant(ms: 2), provenance: provenance)
        bench.intake.active.replace(
            with: NamedRelease(name: ReleaseReference(counter: 9, sha256: []), release: Release(header: header, network: network)))
        bench.enqueue(rows[2_900..<2_901])
        try await eventually { await bench.flow.releaseCounter(of: bench.air) == 9 }
        bench.enqueue(rows[2_901...])
        bench.inbox.close()
        try await running
        let found = try #require(try await bench.store.forecast(of: bench.air))
        #expect(found.releaseCounter == 9 && found.forecast.method == .network)
        let restorer = HistoryRestorer(store: bench.store, clock: .live())
        let expected = try #require(try await restorer.forecaster(of: bench.air, grid: .fine, model: bench.intake.active.model).forecast())
        #expect(StoredForecast.bytes(found.forecast) == StoredForecast.bytes(expected))
    }

    /// - Parameter known: readings that the store has before the start.
    @Test(.timeLimit(.minutes(1)), arguments: [0, 2_995])
    func `readings that arrive before, during and after a history is restored are observed once`(known: Int) async throws {
        let rows = try readings(1...3_100, labelled: 1_700_000_400_000, clock: .synchronised)
        let straight = try await run(rows)
        let first = try await Bench(clock: .replay(from: Instant(ms: 0), speed: 1))
        first.enqueue(rows[..<known])
        try await first.runToEnd()

        let second = try await Bench(store: first.store, clock: .replay(from: Instant(ms: 0), speed: 1))
        async let running: Void = second.flow.run()
        for (place, row) in rows[known...].enumerated() {
            second.enqueue([row])
            if place % 7 == 0 { await Task.yield() }  // readings arrive at many stages of the restoration
        }
        try await eventually { await second.flow.releaseCounter(of: second.air) != nil }
        second.inbox.close()
        try await running
        #expect(try await second.observations() == straight.observations)
        let made = try #require(try await second.store.forecast(of: second.air)?.forecast)
        let expected = try #require(try await straight.store.forecast(of: second.air)?.forecast)
        #expect((made == expected) == true)
    }

    @Test(.timeLimit(.minutes(1))) func `readings that arrive at shutdown are stored without waiting for the history`() async throws {
        let bench = try await Bench()
        bench.enqueue(try readings(1...25, labelled: 1_700_000_400_000, clock: .synchronised))
        let running = Task { try await bench.flow.run() }
        running.cancel()
        _ = await running.result
        #expect(try await bench.store.counts().readings == 25)
        #expect(await bench.flow.releaseCounter(of: bench.air) == nil)
        // The next start observes them.
        let next = try await Bench(store: bench.store)
        try await next.runToEnd()
        #expect(try await next.observations().count == 2)
    }

    @Test(.timeLimit(.minutes(1))) func `a clock correction does not change readings of another boot`() async throws {
        let truth: Int64 = 1_700_000_400_000
        let air = try #require(SensorName("air"))
        let other = (1...20).map { (minute: Int64) -> NewRow in
            .reading(
                SensorReading(
                    sensor: air,
                    reading: Reading(takenAt: Instant(ms: truth + minute * 60_000), humidityMpct: 50_000, boot: 6, boottimeMs: minute * 60_000)))
        }
        let correction = ClockCorrection(boot: 7, boottimeMs: 0...99 * 60_000, offset: .milliseconds(truth + 86_400_000))
        let found = try await run(other + [.record(.clockCorrection(correction))])
        #expect(found.observations.map(\.validAt.ms) == [truth + 600_000, truth + 1_200_000])
    }
}
