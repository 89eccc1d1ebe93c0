internal import HTTPClient
internal import Measures
internal import Text

/// The cloud answered a request with an error status.
struct CloudRefusal: Error {
    let status: Int
    let detail: String
    let retryAfter: Duration?
    private let isFromCloud: Bool  // the answer is from the cloud, not from a proxy or a captive portal
    let refusesContent: Bool  // the cloud itself refuses these bytes permanently
    var isFinal: Bool { status == 401 || status == 403 }
    /// Whether a user must act, because a retry will fail again. 408, 425 and a 429 with Retry-After up to 15 min are temporary.
    var needsAction: Bool {
        switch status {
        case 408, 425: false
        case 429: retryAfter ?? .zero > .seconds(900)
        default: (400..<500).contains(status) && isFromCloud
        }
    }

    init(_ response: HTTPClient.Response) {
        status = response.status
        isFromCloud = response.headers["content-type"] == "application/problem+json"
        refusesContent = [400, 413, 422].contains(status) && isFromCloud
        let problemText = CloudRefusal.problemText(response.body)
        detail =
            switch response.status {
            case 401: "the token is not valid: is VAHO_TOKEN_FILE the token of this device? \(problemText)"
            case 403: "the cloud does not accept data from this device; sampling and forecasting continue. \(problemText)"
            default: problemText
            }
        retryAfter = response.headers["retry-after"].flatMap { Int64($0) }.map { .seconds(min(86_400, max(0, $0))) }
    }

    /// The text of the answer: the detail of a problem (RFC 9457), or the beginning of the body. One line, for people; no code depends on it.
    static func problemText(_ body: [UInt8]) -> String { PrintableText.line(detail(body)) }

    private static func detail(_ body: [UInt8]) -> String {
        let key = Array("\"detail\":\"".utf8)
        let start = body.indices.first { body[$0...].starts(with: key) }
        guard let start else { return String(decoding: body.prefix(300), as: UTF8.self) }
        var text: [UInt8] = []
        var isEscaped = false
        for byte in body[(start + key.count)...].prefix(500) {
            if !isEscaped, byte == 34 { break }  // "
            isEscaped = !isEscaped && byte == 92  // \
            if !isEscaped { text.append(byte) }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
