import ArchiveExamples
@testable import Archive
import Measures
import Testing
import Wire

/// The states of devices and sensors in the archive.
@Suite struct DeviceStateTests {
    private let place = TemporaryArchive()

    private func report(_ states: [(name: String, state: SensorState)], clock: ClockQuality = .synchronised) throws -> DeviceReport {
        DeviceReport(
            release: nil, backlog: 0, evicted: 0, refused: 0, clock: clock, scores: [],
            sensors: try states.map {
                SensorReport(
                    sensor: try #require(SensorName($0.name)), condition: SensorCondition($0.state), newestAt: place.now, rejectedMpct: nil)
            })
    }

    private func send(_ archive: Archive, _ device: Int64, _ sequence: Int64, _ report: DeviceReport) async throws -> BatchAcknowledgement {
        var batch = try place.batch(sequence...sequence)
        batch.report = report
        return try #require(try await place.ingest(archive, device, batch).first)
    }

    private func state(_ archive: Archive, _ name: String, at now: Instant) async throws -> DeviceState {
        let device = try #require(DeviceID(name))
        return try #require(try await archive.view(named: device, now: now)).condition.state
    }

    @Test func `a device that never reported is silent, and a forged request does not change the state of an active device`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        let name = try #require(DeviceID("church"))
        let later = place.now + .seconds(60)
        #expect(try await state(archive, "church", at: later) == .silent)
        try await archive.recordRefusal(of: name, detail: "401: the token is not known", now: later)
        #expect(try await state(archive, "church", at: later) == .refused)
        _ = try await send(archive, device, 1, try report([("air", .ok)]))
        #expect(try await state(archive, "church", at: later) == .ok)
        try await archive.recordRefusal(of: name, detail: "401: the token is not known", now: later)
        #expect(try await state(archive, "church", at: later) == .ok)
        // A silent device that is refused is still running, so the state asks someone to act.
        let muchLater = later + .seconds(3_600)
        try await archive.updateSilenceAlarms(.seconds(1_800), serverStartedAt: place.now, now: muchLater)
        #expect(try await state(archive, "church", at: muchLater) == .silent)  // the refusal is old
        try await archive.recordRefusal(of: name, detail: "401: the token is not known", now: muchLater)
        #expect(try await state(archive, "church", at: muchLater) == .refused)
    }

    @Test func `states are counted, the worst device is listed first, and a sensor missing from the report loses its state`() async throws {
        let archive = try await place.open()
        let (church, tower) = (try await place.device(archive), try await place.device(archive, "tower"))
        for device in [church, tower] { _ = try await send(archive, device, 1, try report([("air", .ok)])) }
        try await place.derive(archive)
        _ = try await send(archive, tower, 2, try report([("air", .failing)]))
        try await archive.updateDeviceStates(now: place.now)
        #expect(try await archive.stateCounts().sensors[.failing] == 1)
        #expect(try await archive.fleet(after: nil, limit: 9, now: place.now).devices.map(\.device.name.name) == ["tower", "church"])
        let first = try await archive.fleet(after: nil, limit: 1, now: place.now)
        let second = try await archive.fleet(after: first.next, limit: 1, now: place.now)
        #expect(second.devices.map(\.device.name.name) == ["church"] && second.next == nil)
        #expect(try await archive.fleet(.name, after: nil, limit: 9, now: place.now).devices.map(\.device.name.name) == ["church", "tower"])

        _ = try await send(archive, tower, 3, try report([("other", .ok)]))
        _ = try await send(archive, church, 2, try report([("air", .ok)], clock: .unknown))
        try await archive.updateDeviceStates(now: place.now)
        #expect(try await state(archive, "church", at: place.now) == .clockUnset)
        let name = try #require(DeviceID("tower"))
        #expect(try await archive.view(named: name, now: place.now)?.sensors.first?.condition.state != .failing)
    }

    @Test func `a sensor without a reading for three steps is stale until its next reading, and is counted as stale`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        let air = try #require(SensorName("air"))
        let name = try #require(DeviceID("church"))
        func take(_ sequence: Int64, at: Instant) async throws {
            let batch = Batch(
                epoch: Epoch(bits: 5), first: sequence, sensors: [air], rows: [.reading(sensor: 0, Reading(takenAt: at, humidityMpct: 45_000))])
            _ = try await place.ingest(archive, device, batch)
            try await place.derive(archive)
        }
        try await take(1, at: place.now - .seconds(60))
        func condition(at now: Instant) async throws -> SensorState? {
            try await archive.updateDeviceStates(now: now)
            return try await archive.view(named: name, now: now)?.sensors.first?.condition.state
        }
        #expect(try await condition(at: place.now) == .ok)
        let later = place.now + .seconds(3 * 600)
        #expect(try await condition(at: later) == .stale)
        #expect(try await archive.stateCounts().sensors == [.stale: 1])
        try await take(2, at: place.now + .seconds(120))
        #expect(try await condition(at: place.now + .seconds(180)) == .ok)
        #expect(try await archive.stateCounts().sensors == [.ok: 1])
    }

    @Test func `a second host is reported only to a device whose program reports states`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        try await archive.raiseDuplicateHostAlarm(device, at: place.now)
        #expect(try await send(archive, device, 1, try report([("air", .ok)])).hasDuplicateHost)
        #expect(try await !send(archive, device, 2, try report([])).hasDuplicateHost)
        #expect(try await !(place.ingest(archive, device, place.batch(3...3)).first?.hasDuplicateHost ?? true))
        var answer = try await send(archive, device, 4, try report([("air", .ok)]))
        answer.wantsNewToken = true
        #expect(try BatchAcknowledgement(binary: answer.binary()) == answer)
    }
}
