@testable import EdgeDaemon
import EdgeStore
import Examples
import Measures
import Observing
import Runtime
import Sensors
import StoreExamples
import Testing

/// Gives the scripted answers in turn, then fails on every read.
private actor ScriptedSensor: Sensor {
    nonisolated let identity: SensorIdentity
    private var script: [Result<Sample?, SensorError>]
    private(set) var reads = 0
    private let clock: ManualClock  // sets the times: the host's clock may give two readings the same millisecond

    init(_ percents: [Int32?], pace: SensorPace = .polled, _ clock: ManualClock) {
        self.clock = clock
        identity = SensorIdentity(kind: "scripted", pace: pace)
        script = percents.map { percent in
            percent.map { .success(Sample(humidityMpct: $0 * 1_000)) } ?? .failure(SensorError("unplugged"))
        }
    }

    func endRecording() { script.append(.success(nil)) }

    func read() throws -> Sample? {
        reads += 1
        guard !script.isEmpty else { throw SensorError("unplugged") }
        var sample = try script.removeFirst().get()
        sample?.takenAt = clock.serviceClock.wallClock
        return sample
    }
}

@Suite(.timeLimit(.minutes(1))) struct SamplerTests {
    private let clock = ManualClock()
    private let inbox = Inbox<ReadingFlow.Input>(limit: 100)
    private let held: HeldBackReadings
    private let recent = NewestReadings()

    init() { held = HeldBackReadings(serviceClock: clock.serviceClock) }

    private func sampler(_ sensor: ScriptedSensor, outage: Outage = Outage()) async throws -> Sampler {
        Sampler(
            name: try #require(SensorName("air")), sensor: sensor, period: .seconds(60), clock: ReadingClock.live(), serviceClock: clock.serviceClock,
            boot: 1,
            store: try await ReadingStore.example(), inbox: inbox, held: held, recent: recent, outage: outage, quality: QualityTracking(),
            log: Log("test", minimumLevel: .error))
    }

    /// Runs the sampler while `test` runs.
    /// - Returns: the rows that the sampler has put into the inbox.
    private func rows(_ sampler: Sampler, _ test: () async throws -> Void) async throws -> [NewRow] {
        try await clock.running(sampler, test)
        return inbox.dequeueAvailable().compactMap { if case .row(let row) = $0 { row } else { nil } }
    }

    private func humidity(_ rows: [NewRow]) -> [Int32?] {
        rows.compactMap { if case .reading(let reading) = $0 { reading.reading.humidityMpct } else { nil } }
    }

    private func holes(_ rows: [NewRow]) -> [Hole] {
        rows.compactMap { if case .record(.hole(let hole)) = $0 { hole } else { nil } }
    }

    @Test func `a sensor is asked once a period, and readings keep their order`() async throws {
        let sensor = ScriptedSensor([50, 51, 52, 53], clock)
        let rows = try await rows(try await sampler(sensor)) { await clock.advance(.seconds(60), .seconds(59), .seconds(1)) }
        #expect(await sensor.reads == 3)
        #expect(humidity(rows) == [50_000, 51_000, 52_000])
        #expect(holes(rows).isEmpty)
    }

    @Test func `a failing sensor is retried after one, two and four periods, and becomes one hole with the count of failed reads`() async throws {
        let sensor = ScriptedSensor([50, nil, nil, nil, 51], clock)
        let air = try #require(SensorName("air"))
        let rows = try await rows(try await sampler(sensor)) {
            await clock.advance(.seconds(60))
            #expect(recent.of(air)?.failure?.state == .failing)
            await clock.advance(.seconds(59))
            #expect(await sensor.reads == 2)
            await clock.advance(.seconds(1), .seconds(119))
            #expect(await sensor.reads == 3)
            await clock.advance(.seconds(1), .seconds(239))
            #expect(await sensor.reads == 4)
            await clock.advance(.seconds(1))
            #expect(await sensor.reads == 5)
            #expect(recent.of(air)?.failure == nil)
        }
        #expect(holes(rows).map(\.count) == [3])
        #expect(holes(rows).first?.reason == .sensorError)
    }

    @Test func `a host that was suspended for five periods leaves a hole of four missed readings`() async throws {
        let sensor = ScriptedSensor([50, 51], clock)
        let rows = try await rows(try await sampler(sensor)) { await clock.advance(.seconds(300)) }
        #expect(await sensor.reads == 2)
        #expect(holes(rows).map(\.count) == [4])
        #expect(holes(rows).first?.reason == .notSampled)
    }

    @Test func `an outage of the last run ends with the first reading of this run`() async throws {
        let newest = Instant(ms: 1_600_000_000_000)
        let rows = try await rows(try await sampler(ScriptedSensor([50], clock), outage: Outage(continuingSince: newest))) { await clock.sleepers() }
        let hole = try #require(holes(rows).first)
        #expect(hole.from == newest)
        #expect(hole.to > newest)
    }

    @Test func `the end of a recording ends its sampler, and other sensors continue`() async throws {
        let sensor = ScriptedSensor([50, 51], pace: .recorded, clock)
        await sensor.endRecording()
        let rows = try await rows(try await sampler(sensor)) {
            await clock.sleepers()
            clock.advance(by: .seconds(86_400))
        }
        #expect(await sensor.reads == 3)
        #expect(humidity(rows) == [50_000, 51_000])
    }

    @Test func `a reading that is held back is stored when the sensor fails, and its bin stays open until then`() async throws {
        let air = try #require(SensorName("air"))
        let sensor = ScriptedSensor([50, 51, 90], clock)
        let rows = try await rows(try await sampler(sensor)) {
            await clock.advance(.seconds(60), .seconds(60))
            #expect(held.isHeld(air))
            await clock.advance(.seconds(60))
            #expect(held.isHeld(air))  // the bin waits until the reading is in the store
            await clock.advance(.seconds(10))
            #expect(!held.isHeld(air))
        }
        #expect(humidity(rows) == [50_000, 51_000, 90_000])
    }
}
