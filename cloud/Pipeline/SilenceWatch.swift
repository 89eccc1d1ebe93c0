package import Archive
internal import HTTPClient
internal import Measures
package import Runtime
internal import Text

/// Raises an alarm when a device falls silent, and delivers all alarms about devices: once to the log, and to the webhook with retries until the
/// webhook accepts the alarm.
package struct SilenceWatch: Service {
    private let archive: Archive
    private let limit: Duration
    private let webhook: String?
    private let client: HTTPClient
    private let log: Log

    /// - Parameters:
    ///   - limit: a device that sends nothing for longer is silent.
    ///   - webhook: a URL that receives each alarm as JSON by POST; `nil` for none.
    package init(archive: Archive, limit: Duration, webhook: String?, log: Log) {
        self.archive = archive
        self.limit = limit
        self.webhook = webhook
        client = HTTPClient(settings: HTTPClient.Settings(userAgent: "vaho-cloud"))
        self.log = log
    }

    package func run() async throws {
        let upSince = ReadingClock.wallClock
        var pause: Duration = .seconds(1)
        while true {
            try await Task.sleep(for: pause)
            do {
                try await archive.updateSilenceAlarms(limit, upSince: upSince, now: ReadingClock.wallClock)
                var failure: (any Error)?
                for alarm in try await archive.undeliveredAlarms() {
                    // continue with next alarm
                    do { try await deliver(alarm) } catch let error where !(error is CancellationError) { failure = error }
                }
                if let failure { throw failure }
                pause = min(.seconds(10), max(.seconds(1), limit / 10))
            } catch is CancellationError { throw CancellationError() } catch {
                pause = min(.seconds(300), pause * 2)
                log(.error, "alarm not delivered, retrying", ["error": "\(error)", "after_s": pause.wholeSeconds])
            }
        }
    }

    private func deliver(_ alarm: Archive.Alarm) async throws {
        if let webhook {
            let response = try await client.send(
                HTTPClient.Request(method: "POST", url: webhook, headers: [("Content-Type", "application/json")], body: json(alarm)))
            guard (200..<300).contains(response.status) else { throw WebhookRefused(status: response.status) }
        }
        try await archive.markDelivered(alarm)
        let since = RFC3339.format(ms: alarm.since.ms)
        switch (alarm.kind, alarm.endedAt) {
        case (.silent, nil): log(.warning, "device silent", ["device": alarm.device, "since": since])
        case (.silent, let endedAt?):
            log(.info, "device heard again", ["device": alarm.device, "silent_since": since, "at": RFC3339.format(ms: endedAt.ms)])
        case (.twoHosts, nil): log(.warning, "two hosts send as one device", ["device": alarm.device, "since": since])
        case (.twoHosts, let endedAt?):
            log(.info, "one host sends as the device again", ["device": alarm.device, "since": since, "at": RFC3339.format(ms: endedAt.ms)])
        }
    }

    private func json(_ alarm: Archive.Alarm) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            let kind =
                switch (alarm.kind, alarm.endedAt) {
                case (.silent, nil): "device_silent"
                case (.silent, _): "device_heard_again"
                case (.twoHosts, nil): "device_of_two_hosts"
                case (.twoHosts, _): "device_of_one_host_again"
                }
            json.field("kind", kind)
            json.field("device", alarm.device.name)
            json.field("since", RFC3339.format(ms: alarm.since.ms))
            json.field("ended", alarm.endedAt.map { RFC3339.format(ms: $0.ms) })
        }
        return json.bytes
    }

    private struct WebhookRefused: Error, CustomStringConvertible {
        let status: Int
        var description: String { "the webhook answered with status \(status)" }
    }
}
