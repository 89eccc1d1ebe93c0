@testable import EdgeDaemon
import EdgeStore
import StoreExamples
import Measures
import Observing
import Runtime
import Sensors
import Testing

/// Returns the scripted samples, then fails on every read.
private actor ScriptedSensor: Sensor {
    nonisolated let identity = SensorIdentity(kind: "scripted")
    private var script: [Sample]

    init(_ percents: [Int32]) { script = percents.map { Sample(humidityMpct: $0 * 1_000) } }

    func read() throws -> Sample? {
        guard !script.isEmpty else { throw SensorError("it was unplugged") }
        return script.removeFirst()
    }
}

@Suite struct SamplerTests {
    @Test(.timeLimit(.minutes(1))) func `a reading that is held back is stored when the sensor fails, and its bin waits for it until then`()
        async throws
    {
        let log = Log("test", least: .error)
        let air = try #require(SensorName("air"))
        let inbox = Inbox<ReadingFlow.Input>(limit: 100)
        let held = HeldBackReadings()
        let sampler = Sampler(
            name: air, sensor: ScriptedSensor([50, 51, 90]), period: .milliseconds(300), clock: ReadingClock.live(), boot: 1,
            store: try await ReadingStore(path: ":memory:", host: HostIdentity(fingerprint: "a", bootID: "b"), log: log), inbox: inbox,
            held: held, recent: NewestReadings(), outage: Outage(), quality: QualityTracking(), log: log)
        let running = Task { try await sampler.run() }
        try await eventually { held.isHeld(air) }
        var taken: [Int32?] = []
        while taken.count < 3 {
            for case .row(.reading(let reading)) in await inbox.takeAll() { taken.append(reading.reading.humidityMpct) }
        }
        #expect(taken == [50_000, 51_000, 90_000])
        #expect(held.isHeld(air))  // the bin waits until the reading is stored
        running.cancel()
        _ = try? await running.value
    }
}
