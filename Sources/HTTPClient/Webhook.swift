/// An address that receives events as JSON by POST.
package struct Webhook: Sendable {
    private let url: String
    private let client: HTTPClient

    /// The receiver answered with a status other than 200 to 299.
    package struct Refused: Error, Equatable, CustomStringConvertible {
        let status: Int
        package var description: String { "the webhook answered with status \(status)" }
    }

    package init(url: String, settings: HTTPClient.Settings) {
        self.url = url
        client = HTTPClient(settings: settings)
    }

    /// Sends one event. The receiver has accepted the event when this returns.
    package func post(_ json: [UInt8], headers: [(name: String, value: String)] = []) async throws {
        let response = try await client.send(
            HTTPClient.Request(method: "POST", url: url, headers: [("Content-Type", "application/json")] + headers, body: json))
        guard (200..<300).contains(response.status) else { throw Refused(status: response.status) }
    }
}
