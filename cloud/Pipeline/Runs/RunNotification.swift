package import Archive
package import HTTPClient
internal import Measures
package import Runtime
internal import Signing
internal import Text

/// Tells the webhook that runs have ended: oldest first, with retries until the webhook accepts the message.
///
/// The message is signed with the key that signs releases, so that the receiver can check with the public key that it comes from this cloud.
package struct RunNotification: Service {
    private let archive: Archive
    private let webhook: Webhook?
    private let keyFile: String
    private let clock: ServiceClock
    private let log: Log

    /// The name of the header with the signature: 128 hexadecimal digits of Ed25519 over the context, a line feed, and the body.
    package static let header = "Vaho-Signature"
    package static let context = "vaho webhook 1"

    package init(archive: Archive, webhook: Webhook?, keyFile: String, clock: ServiceClock = .host, log: Log) {
        (self.archive, self.webhook, self.keyFile, self.clock, self.log) = (archive, webhook, keyFile, clock, log)
    }

    package func run() async throws {
        try await clock.repeating(
            every: .seconds(1), retry: RetryPause(first: .seconds(2), longest: .seconds(300)), failure: "end of a run not delivered, retrying",
            log: log
        ) {
            for run in try await archive.runsToNotify() {
                if let webhook {
                    let body = run.json
                    let signature = try ReleaseSigner(keyFile: keyFile).signature(of: Array("\(RunNotification.context)\n".utf8) + body)
                    try await webhook.post(body, headers: [(RunNotification.header, Hexadecimal.text(signature))])
                }
                try await archive.markNotified(run)
            }
        }
    }
}

extension Archive.Run {
    /// The body of a webhook request.
    fileprivate var json: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("kind", "run_ended")
            json.field("run", id)
            json.field("cause", cause)
            json.field("author", author.isEmpty ? nil : author)
            json.field("started_at", RFC3339.format(ms: createdAt.ms))
            json.field("ended_at", endedAt.map { RFC3339.format(ms: $0.ms) })
            json.field("outcome", outcome)
            json.field("detail", detail)
            json.field("release", release)
        }
        return json.bytes
    }
}
