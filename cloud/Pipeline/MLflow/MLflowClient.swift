internal import FoundationEssentials
internal import HTTPClient
internal import Text

/// The calls of MLflow's REST API 2.0 that a mirror needs.
struct MLflowClient: Sendable {
    private let url: String
    private let token: String?
    private let client: HTTPClient

    /// - Parameters:
    ///   - url: of the tracking server, such as `https://mlflow.example.org`.
    ///   - token: sent as a bearer token.
    init(url: String, token: String?, settings: HTTPClient.Settings) {
        var url = url
        while url.hasSuffix("/") { url.removeLast() }
        (self.url, self.token, client) = (url, token, HTTPClient(settings: settings))
    }

    struct Refused: Error, CustomStringConvertible {
        let call: String
        let status: Int
        let code: String  // MLflow's error code, such as RESOURCE_ALREADY_EXISTS
        let message: String
        var description: String { "MLflow answered \(call) with status \(status) \(code): \(message)" }
        var isExisting: Bool { code == "RESOURCE_ALREADY_EXISTS" }
        /// Whether the same call would be refused again. A wrong token, a limit of calls and an error of the server may be mended.
        var isFinal: Bool { (400..<500).contains(status) && ![401, 403, 408, 429].contains(status) }
    }

    private struct Problem: Decodable {
        let error_code: String?
        let message: String?
    }

    /// Sends a JSON document and decodes the answer.
    func post<Answer: Decodable>(_ call: String, as _: Answer.Type = Answer.self, _ body: (inout JSONWriter) -> Void) async throws -> Answer {
        var json = JSONWriter()
        json.object(body)
        return try await send("POST", call, json.bytes)
    }

    func post(_ call: String, _ body: (inout JSONWriter) -> Void) async throws {
        struct Nothing: Decodable {}
        _ = try await post(call, as: Nothing.self, body)
    }

    func get<Answer: Decodable>(_ call: String, as _: Answer.Type = Answer.self) async throws -> Answer { try await send("GET", call, []) }

    private func send<Answer: Decodable>(_ method: String, _ call: String, _ body: [UInt8]) async throws -> Answer {
        var headers = [(name: "Content-Type", value: "application/json")]
        if let token { headers.append((name: "Authorization", value: "Bearer \(token)")) }
        let response = try await client.send(
            HTTPClient.Request(method: method, url: "\(url)/api/2.0/mlflow/\(call)", headers: headers, body: body))
        guard (200..<300).contains(response.status) else {
            let problem = try? JSONDecoder().decode(Problem.self, from: Data(response.body))
            throw Refused(
                call: String(call.prefix { $0 != "?" }), status: response.status, code: problem?.error_code ?? "",
                message: String((problem?.message ?? "").prefix(200)))
        }
        return try JSONDecoder().decode(Answer.self, from: Data(response.body))
    }
}
