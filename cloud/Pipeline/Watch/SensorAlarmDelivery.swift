package import Archive
package import HTTPClient
internal import Measures
package import Runtime
internal import Text
internal import Watch

/// Delivers the alarms about sensors, oldest first: to the webhook, with retries until the webhook accepts the alarm, and then once to the log.
package struct SensorAlarmDelivery: Service {
    private let archive: Archive
    private let webhook: Webhook?
    private let clock: ServiceClock
    private let log: Log

    package init(archive: Archive, webhook: Webhook?, clock: ServiceClock = .host, log: Log) {
        (self.archive, self.webhook, self.clock, self.log) = (archive, webhook, clock, log)
    }

    package func run() async throws {
        try await clock.repeating(
            every: .seconds(1), retry: RetryPause(first: .seconds(2), longest: .seconds(300)), failure: "sensor alarm not delivered, retrying",
            log: log
        ) {
            // An alarm that the webhook refuses does not block the alarms after it.
            var failure: (any Error)?
            for alarm in try await archive.undeliveredSensorAlarms() {
                do { try await deliver(alarm) } catch let error where !(error is CancellationError) { failure = error }
            }
            if let failure { throw failure }
        }
    }

    private func deliver(_ alarm: Archive.SensorAlarm) async throws {
        try await webhook?.post(alarm.json)
        try await archive.markDelivered(alarm)
        if alarm.endedAt == nil {
            log(
                .warning, "sensor alarm",
                ["alarm": alarm.id, "device": alarm.device, "sensor": alarm.sensor, "finding": alarm.finding.rawValue, "text": alarm.text])
        } else {
            log(
                .info, "sensor alarm ended",
                ["alarm": alarm.id, "device": alarm.device, "sensor": alarm.sensor, "by": alarm.endedBy, "reason": alarm.reason])
        }
    }
}

extension Archive.SensorAlarm {
    /// The first day of the fault as a date.
    package var sinceDate: String { RFC3339.format(ms: since * 86_400_000) }

    /// One sentence for people.
    package var text: String {
        func number(_ value: Double) -> String { NumberText.fixed(value, places: 1) ?? "–" }
        let date = sinceDate.prefix(10)
        switch finding {
        case .drift:
            return
                "reads \(number(size.magnitude)) %RH \(size < 0 ? "lower" : "higher") than expected from its peers since about \(date): compare it with a reference instrument"
        case .noise:
            return
                "changes \(number(size)) times as much from hour to hour as expected from its peers, since about \(date): check the supply and the wiring"
        case .flat: return "\(number(100 * size)) % of its hours are without any change, since about \(date): check whether it is stuck"
        }
    }

    /// The body of a webhook request.
    fileprivate var json: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("kind", endedAt == nil ? "sensor_alarm" : "sensor_alarm_ended")
            json.field("alarm", id)
            json.field("device", device.name)
            json.field("sensor", sensor.name)
            json.field("finding", finding.rawValue)
            json.field("text", text)
            json.field("since", sinceDate)
            json.field("raised_at", RFC3339.format(ms: raisedAt.ms))
            json.field("ended_at", endedAt.map { RFC3339.format(ms: $0.ms) })
            json.field("ended_by", endedAt == nil ? nil : endedBy)
            json.field("reason", endedAt == nil ? nil : reason)
        }
        return json.bytes
    }
}
