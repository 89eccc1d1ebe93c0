import Archive
import ArchiveExamples
import Examples
import HTTPClient
import Measures
import Pipeline
import Runtime
import Testing

/// The services that watch devices: silence, alarms, states.
@Suite(.timeLimit(.minutes(1))) final class DeviceWatchTests {
    private let fleet = FleetExample()
    private let clock = ManualClock()
    private let log = Log("test", minimumLevel: .error)

    @Test func `a device that is silent longer than the limit raises one alarm, and its next batch ends the alarm`() async throws {
        let archive = try await fleet.open()
        let attic = try await fleet.addDevice(archive, "attic", at: clock.serviceClock.wallClock)
        try await fleet.send(archive, attic, at: clock.serviceClock.wallClock)
        try await clock.running(SilenceWatch(archive: archive, limit: .seconds(60), clock: clock.serviceClock, log: log)) {
            for _ in 0..<10 { await clock.advance(.seconds(6)) }
            #expect(try await archive.silentDeviceCount() == 0)
            for _ in 0..<3 { await clock.advance(.seconds(6)) }
            #expect(try await archive.silentDeviceCount() == 1)
            let kinds = try await archive.undeliveredAlarms().map(\.kind)
            #expect(kinds == [.silent])
            try await fleet.send(archive, attic, at: clock.serviceClock.wallClock)
            await clock.advance(.seconds(6))
            #expect(try await archive.silentDeviceCount() == 0)
            let ends = try await archive.undeliveredAlarms().map(\.endedAt)
            #expect(ends == [clock.serviceClock.wallClock])
        }
    }

    @Test func `the time before the server started does not count as silence`() async throws {
        let archive = try await fleet.open()
        let attic = try await fleet.addDevice(archive, "attic", at: clock.serviceClock.wallClock)
        try await fleet.send(archive, attic, at: clock.serviceClock.wallClock)
        clock.advance(by: .seconds(86_400))
        try await clock.running(SilenceWatch(archive: archive, limit: .seconds(60), clock: clock.serviceClock, log: log)) {
            for _ in 0..<10 { await clock.advance(.seconds(6)) }
            let atLimit = try await archive.silentDeviceCount()
            for _ in 0..<3 { await clock.advance(.seconds(6)) }
            let later = try await archive.silentDeviceCount()
            #expect((atLimit, later) == (0, 1))
        }
    }

    @Test func `an alarm that the webhook refuses is retried after 2, 4 and 8 seconds, and delivered once`() async throws {
        let archive = try await fleet.open()
        let attic = try await fleet.addDevice(archive, "attic", at: clock.serviceClock.wallClock)
        try await fleet.send(archive, attic, at: clock.serviceClock.wallClock)
        try await archive.updateSilenceAlarms(
            .seconds(60), serverStartedAt: clock.serviceClock.wallClock, now: clock.serviceClock.wallClock + .seconds(120))
        let server = try ScriptedServer(statuses: [500, 503, 404])
        let webhook = Webhook(url: server.url, settings: HTTPClient.Settings(userAgent: "test"))
        try await clock.running(DeviceAlarmDelivery(archive: archive, webhook: webhook, clock: clock.serviceClock, log: log)) {
            for (step, attempts) in [(1, 1), (1, 1), (1, 2), (3, 2), (1, 3), (7, 3), (1, 4), (60, 4)] {
                await clock.advance(.seconds(step))
                #expect(server.bodies.count == attempts)
            }
        }
        await server.stop()
        #expect(try await archive.undeliveredAlarms().isEmpty)
        #expect(Set(server.bodies).count == 1)
        #expect(server.bodies.first?.contains(#""kind":"device_silent","device":"attic""#) == true)
    }

    @Test func `without a webhook an alarm counts as delivered when it is logged`() async throws {
        let archive = try await fleet.open()
        let attic = try await fleet.addDevice(archive, "attic", at: clock.serviceClock.wallClock)
        try await fleet.send(archive, attic, at: clock.serviceClock.wallClock)
        try await archive.updateSilenceAlarms(
            .seconds(60), serverStartedAt: clock.serviceClock.wallClock, now: clock.serviceClock.wallClock + .seconds(120))
        try await clock.running(DeviceAlarmDelivery(archive: archive, webhook: nil, clock: clock.serviceClock, log: log)) {
            await clock.advance(.seconds(1))
            let alarms = try await archive.undeliveredAlarms()
            #expect(alarms.isEmpty)
        }
    }

    /// The number of sensors in each state, read by a connection without cached counts.
    private func states() async throws -> [SensorState: Int64] {
        try await fleet.open(.readOnly).stateCounts().sensors
    }

    @Test func `a sensor that sends nothing for three steps is counted as stale within a second, without a request`() async throws {
        let archive = try await fleet.open()
        let attic = try await fleet.addDevice(archive, "attic", at: clock.serviceClock.wallClock)
        try await fleet.send(archive, attic, count: 12, at: clock.serviceClock.wallClock)
        try await clock.running(DeviceStateUpdater(archive: archive, clock: clock.serviceClock, log: log)) {
            await clock.advance(.seconds(1))
            let before = try await states()
            await clock.advance(.seconds(1_800))
            let after = try await states()
            #expect(before == [.ok: 1])
            #expect(after == [.stale: 1])
        }
    }

    @Test func `training starts when enough device-days have arrived, and not again without new device-days`() async throws {
        let archive = try await fleet.open()
        _ = try await ReleaseSigner(of: archive, keyFile: fleet.place.location.keyFile)
        let attic = try await fleet.addDevice(archive, "attic", at: clock.serviceClock.wallClock)
        let triggers = RunTriggers(
            archive: archive, afterDeviceDays: 2, schedule: nil, checkPeriod: .seconds(600), clock: clock.serviceClock, log: log)
        let worker = RunWorker(archive: archive, reader: archive, keyFile: fleet.place.location.keyFile, rolloutSteps: .atOnce)
        try await clock.running(triggers) {
            try await fleet.send(archive, attic, count: 144, at: clock.serviceClock.wallClock)
            await clock.advance(.seconds(600))
            let before = try await archive.runs(limit: 9)
            #expect(before.isEmpty)
            clock.advance(by: .seconds(86_400))
            try await fleet.send(archive, attic, count: 144, at: clock.serviceClock.wallClock)
            await clock.advance(.seconds(600))
            let first = try await archive.runs(limit: 9).map(\.cause)
            #expect(first == ["new data"])
            let id = try #require(try await archive.unfinishedRun(kind: RunWorker.kind)).id
            #expect(try await worker.work(on: id)?.outcome == "too_little_data")
            await clock.advance(.seconds(600))
            let after = try await archive.runs(limit: 9).map(\.cause)
            #expect(after == ["new data"])
        }
    }
}
