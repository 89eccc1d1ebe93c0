package import Archive
package import HTTPClient
internal import Measures
package import Runtime
internal import Text

/// Delivers the alarms about devices, oldest first: to the webhook, with retries until the webhook accepts the alarm, and then once to the log.
package struct DeviceAlarmDelivery: Service {
    private let archive: Archive
    private let webhook: Webhook?
    private let clock: ServiceClock
    private let log: Log

    package init(archive: Archive, webhook: Webhook?, clock: ServiceClock = .host, log: Log) {
        self.archive = archive
        self.webhook = webhook
        self.clock = clock
        self.log = log
    }

    package func run() async throws {
        try await clock.repeating(
            every: .seconds(1), retry: RetryPause(first: .seconds(2), longest: .seconds(300)), failure: "alarm not delivered, retrying", log: log,
            deliverAll)
    }

    /// An alarm that the webhook refuses does not block the alarms after it.
    private func deliverAll() async throws {
        var failure: (any Error)?
        for alarm in try await archive.undeliveredAlarms() {
            do { try await deliver(alarm) } catch let error where !(error is CancellationError) { failure = error }
        }
        if let failure { throw failure }
    }

    private func deliver(_ alarm: Archive.Alarm) async throws {
        try await webhook?.post(alarm.json)
        try await archive.markDelivered(alarm)
        let since = RFC3339.format(ms: alarm.since.ms)
        switch (alarm.kind, alarm.endedAt) {
        case (.silent, nil): log(.warning, "device silent", ["device": alarm.device, "since": since])
        case (.silent, let endedAt?):
            log(.info, "device heard again", ["device": alarm.device, "silent_since": since, "at": RFC3339.format(ms: endedAt.ms)])
        case (.duplicateHost, nil): log(.warning, "two hosts send as one device", ["device": alarm.device, "since": since])
        case (.duplicateHost, let endedAt?):
            log(.info, "one host sends as the device again", ["device": alarm.device, "since": since, "at": RFC3339.format(ms: endedAt.ms)])
        }
    }
}

extension Archive.Alarm {
    /// The body of a webhook request.
    fileprivate var json: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            let event =
                switch (kind, endedAt) {
                case (.silent, nil): "device_silent"
                case (.silent, _): "device_heard_again"
                case (.duplicateHost, nil): "device_of_two_hosts"
                case (.duplicateHost, _): "device_of_one_host_again"
                }
            json.field("kind", event)
            json.field("device", device.name)
            json.field("since", RFC3339.format(ms: since.ms))
            json.field("ended", endedAt.map { RFC3339.format(ms: $0.ms) })
        }
        return json.bytes
    }
}
