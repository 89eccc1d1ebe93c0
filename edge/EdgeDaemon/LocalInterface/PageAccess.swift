internal import APIDocuments
internal import HTTPServer
internal import Signing
internal import Synchronization

/// Decides who may use the local API and the page. A password always applies if it is set. Without one, loopback addresses are open, and all other
/// addresses are closed unless VAHO_ANONYMOUS opens them.
package final class PageAccess: Sendable {
    package enum Rule: Sendable {
        case open  // a loopback address, or VAHO_ANONYMOUS=viewer
        case password(sha256: [UInt8])
        case closed  // another address, and no password is set
    }

    private let rule: Rule
    private let guesses = Mutex<(minute: ContinuousClock.Instant, wrong: Int)>((.now, 0))
    private static let wrongPerMinute = 30  // from all clients together

    init(_ rule: Rule) { self.rule = rule }

    /// - Returns: the refusal; `nil` if the request may be answered.
    func refusal(of request: HTTPRequest) -> HTTPResponse? {
        if ["/livez", "/readyz"].contains(request.path) { return nil }
        switch rule {
        case .open: return nil
        case .closed:
            return APIResponse.problem(
                403, "the device listens beyond its loopback address and has no password: set VAHO_PAGE_PASSWORD_FILE on the device")
        case .password(let expected): return refusal(of: request, expected)
        }
    }

    private func refusal(of request: HTTPRequest, _ expected: [UInt8]) -> HTTPResponse? {
        guard let header = request.headers["authorization"], header.lowercased().hasPrefix("basic ") else {
            return challenge("the password of this device is needed; any user name will do")
        }
        let pair = Base64.decoded(header.dropFirst(6)) ?? []
        let password = pair.drop { $0 != UInt8(ascii: ":") }.dropFirst()
        if isSameSecret(SHA256.digest(password), expected) { return nil }
        // Only wrong passwords are limited: guesses of others must not keep the right one out.
        guard mayGuess else {
            var response = APIResponse.problem(429, "too many wrong passwords: try again in a minute")
            response.headers.append(("Retry-After", "60"))
            return response
        }
        guesses.withLock { $0.wrong += 1 }
        return challenge("this is not the password of this device")
    }

    private var mayGuess: Bool {
        guesses.withLock { guesses in
            if guesses.minute.advanced(by: .seconds(60)) < .now { guesses = (.now, 0) }
            return guesses.wrong < PageAccess.wrongPerMinute
        }
    }

    private func challenge(_ detail: String) -> HTTPResponse {
        var response = APIResponse.problem(401, detail)
        response.headers.append(("WWW-Authenticate", "Basic realm=\"vaho-edge\", charset=\"UTF-8\""))
        return response
    }
}
