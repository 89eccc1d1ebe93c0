@testable import EdgeDaemon
import EdgeStore
import Examples
import HTTPClient
import Measures
import Runtime
import StoreExamples
import Testing

@Suite(.timeLimit(.minutes(1))) struct AlarmDeliveryTests {
    @Test func `an alarm that the webhook refuses is retried after 5 and 10 seconds, before later alarms, and then leaves the store`() async throws {
        let (clock, store) = (ManualClock(), try await ReadingStore.example())
        let air = try #require(SensorName("air"))
        try await store.register(air)
        let start = clock.serviceClock.wallClock
        for rule in ["damp", "dry"] {
            let alarm = Alarm(rule: rule, text: "humidity above 65 %", sensor: air, state: .raised, since: start, at: start, value: 70)
            try await store.write { try $0.alarms.store(alarm, targets: ["webhook"]) }
        }
        let server = try ScriptedServer(statuses: [500, 503])
        let webhook = Webhook(url: server.url, settings: HTTPClient.Settings(userAgent: "test"))
        let delivery = AlarmDelivery(
            .webhook(webhook), device: DeviceIdentity(try #require(DeviceID("attic"))), store: store, clock: clock.serviceClock,
            log: Log("test", minimumLevel: .error))
        try await clock.running(delivery) {
            for (step, attempts) in [(4, 1), (1, 2), (9, 2)] {
                await clock.advance(.seconds(step))
                #expect(server.bodies.count == attempts)
            }
            clock.advance(by: .seconds(1))
            try await eventually { try await store.read { try $0.alarms.undelivered(for: "webhook").isEmpty } }
        }
        await server.stop()
        let rules = server.bodies.map { $0.contains(#""rule":"damp""#) ? "damp" : $0.contains(#""rule":"dry""#) ? "dry" : $0 }
        #expect(rules == ["damp", "damp", "damp", "dry"])
    }
}
