package import Archive
package import HTTPClient
internal import Measures
package import Runtime
internal import Signing
internal import Text

/// Posts a signed message to the webhook for each ended run, oldest first, and retries until the webhook accepts the message. Without a webhook, marks
/// the runs as notified.
///
/// The key is the key that signs releases, so that the receiver can check with the public key that this cloud has sent the message. If the private keys
/// are on another machine, the message has no signature.
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
            every: .seconds(1), retry: RetryPause(first: .seconds(2), longest: .seconds(300)), failure: "run notification not delivered, retrying",
            log: log
        ) {
            for run in try await archive.runsToNotify() {
                if let webhook {
                    let body = run.json
                    let signer = try await ReleaseSigner(of: archive, keyFile: keyFile)
                    let signature = try signer.signature(of: Array("\(RunNotification.context)\n".utf8) + body)
                    try await webhook.post(body, headers: signature.map { [(RunNotification.header, Hexadecimal.text($0))] } ?? [])
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
