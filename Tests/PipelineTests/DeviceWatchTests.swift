import Archive
import Examples
import HTTPClient
import HTTPServer
import Measures
import Pipeline
import Runtime
import Synchronization
import Testing

/// The services that watch devices: silence, alarms, states.
@Suite(.timeLimit(.minutes(1))) final class DeviceWatchTests {
    private let fleet = FleetExample()
    private let clock = ManualClock()
    private let log = Log("test", minimumLevel: .error)

    /// Runs a service beside `test`, then stops it.
    private func run(_ service: some Service, _ test: () async throws -> Void) async throws {
        let running = Task { try await service.run() }
        await clock.sleepers()
        try await test()
        running.cancel()
        await #expect(throws: CancellationError.self) { try await running.value }
    }

    private func advance(_ step: Duration) async {
        clock.advance(by: step)
        await clock.sleepers()
    }

    @Test func `a device that is silent longer than the limit raises one alarm, and its next batch ends the alarm`() async throws {
        let archive = try await fleet.open()
        let attic = try await fleet.addDevice(archive, "attic", at: clock.services.wallClock)
        try await fleet.send(archive, attic, at: clock.services.wallClock)
        try await run(SilenceWatch(archive: archive, limit: .seconds(60), clock: clock.services, log: log)) {
            for _ in 0..<10 { await advance(.seconds(6)) }
            #expect(try await archive.silentDeviceCount() == 0)
            for _ in 0..<3 { await advance(.seconds(6)) }
            #expect(try await archive.silentDeviceCount() == 1)
            let kinds = try await archive.undeliveredAlarms().map(\.kind)
            #expect(kinds == [.silent])
            try await fleet.send(archive, attic, at: clock.services.wallClock)
            await advance(.seconds(6))
            #expect(try await archive.silentDeviceCount() == 0)
            let ends = try await archive.undeliveredAlarms().map(\.endedAt)
            #expect(ends == [clock.services.wallClock])
        }
    }

    @Test func `the time before the server started does not count as silence`() async throws {
        let archive = try await fleet.open()
        let attic = try await fleet.addDevice(archive, "attic", at: clock.services.wallClock)
        try await fleet.send(archive, attic, at: clock.services.wallClock)
        clock.advance(by: .seconds(86_400))
        try await run(SilenceWatch(archive: archive, limit: .seconds(60), clock: clock.services, log: log)) {
            for _ in 0..<10 { await advance(.seconds(6)) }
            let atLimit = try await archive.silentDeviceCount()
            for _ in 0..<3 { await advance(.seconds(6)) }
            let later = try await archive.silentDeviceCount()
            #expect((atLimit, later) == (0, 1))
        }
    }

    @Test func `an alarm that the webhook refuses is retried after 2, 4 and 8 seconds, and delivered once`() async throws {
        let archive = try await fleet.open()
        let attic = try await fleet.addDevice(archive, "attic", at: clock.services.wallClock)
        try await fleet.send(archive, attic, at: clock.services.wallClock)
        try await archive.updateSilenceAlarms(
            .seconds(60), serverStartedAt: clock.services.wallClock, now: clock.services.wallClock + .seconds(120))
        let statuses = Mutex([500, 503, 404, 204])
        let bodies = Mutex<[String]>([])
        let server = try HTTPServer(
            address: "127.0.0.1", port: 0, limits: HTTPLimits(bodyBytes: 4_096), makeRefusal: { status, _ in HTTPResponse(status: status) },
            handler: { request in
                let body = (try? request.body()) ?? []
                bodies.withLock { $0.append(String(decoding: body, as: UTF8.self)) }
                return HTTPResponse(status: statuses.withLock { $0.removeFirst() })
            })
        let webhook = Webhook(url: "http://127.0.0.1:\(server.port)/", settings: HTTPClient.Settings(userAgent: "test"))
        try await run(DeviceAlarmDelivery(archive: archive, webhook: webhook, clock: clock.services, log: log)) {
            for (step, attempts) in [(1, 1), (1, 1), (1, 2), (3, 2), (1, 3), (7, 3), (1, 4), (60, 4)] {
                await advance(.seconds(step))
                #expect(bodies.withLock { $0.count } == attempts)
            }
        }
        await server.stop()
        #expect(try await archive.undeliveredAlarms().isEmpty)
        #expect(bodies.withLock { Set($0).count } == 1)
        #expect(bodies.withLock { $0.first?.contains(#""kind":"device_silent","device":"attic""#) } == true)
    }

    @Test func `without a webhook an alarm counts as delivered when it is logged`() async throws {
        let archive = try await fleet.open()
        let attic = try await fleet.addDevice(archive, "attic", at: clock.services.wallClock)
        try await fleet.send(archive, attic, at: clock.services.wallClock)
        try await archive.updateSilenceAlarms(
            .seconds(60), serverStartedAt: clock.services.wallClock, now: clock.services.wallClock + .seconds(120))
        try await run(DeviceAlarmDelivery(archive: archive, webhook: nil, clock: clock.services, log: log)) {
            await advance(.seconds(1))
            let alarms = try await archive.undeliveredAlarms()
            #expect(alarms.isEmpty)
        }
    }

    /// The number of sensors in each state, read by a connection without cached counts.
    private func states() async throws -> [SensorState: Int64] {
        try await Archive(folder: fleet.folder, access: .readOnly).stateCounts().sensors
    }

    @Test func `a sensor that sends nothing for three steps is counted as stale within a second, without a request`() async throws {
        let archive = try await fleet.open()
        let attic = try await fleet.addDevice(archive, "attic", at: clock.services.wallClock)
        try await fleet.send(archive, attic, count: 12, at: clock.services.wallClock)
        try await run(DeviceStateUpdater(archive: archive, clock: clock.services, log: log)) {
            await advance(.seconds(1))
            let before = try await states()
            await advance(.seconds(1_800))
            let after = try await states()
            #expect(before == [.ok: 1])
            #expect(after == [.stale: 1])
        }
    }

    @Test func `training starts when enough device-days have arrived, and not again without new device-days`() async throws {
        _ = try ReleaseSigner(folder: fleet.folder)
        let archive = try await fleet.open()
        let attic = try await fleet.addDevice(archive, "attic", at: clock.services.wallClock)
        let scheduler = TrainingScheduler(
            archive: archive, reader: archive, afterDeviceDays: 2, checkPeriod: .seconds(600), pretrained: nil, clock: clock.services, log: log)
        try await run(scheduler) {
            try await fleet.send(archive, attic, count: 144, at: clock.services.wallClock)
            await advance(.seconds(600))
            let before = try await archive.runs(limit: 9)
            #expect(before.isEmpty)
            clock.advance(by: .seconds(86_400))
            try await fleet.send(archive, attic, count: 144, at: clock.services.wallClock)
            await advance(.seconds(600))
            let first = try await archive.runs(limit: 9).map(\.cause)
            #expect(first == ["new data"])
            await advance(.seconds(600))
            let after = try await archive.runs(limit: 9).map(\.cause)
            #expect(after == ["new data"])
        }
    }
}
