internal import APIDocuments
internal import HTTPServer
internal import Measures
internal import Runtime
internal import Text

/// Values of query parameters and headers that several endpoints have.
extension HTTPRequest {
    /// The instant of a query parameter; the present if the parameter is missing.
    func instant(_ name: String) throws(Problem) -> Instant {
        guard let text = query[name] else { return WallClock.now }
        guard let ms = RFC3339.parse(text) else {
            throw Problem(status: 400, detail: "\(name)=\(text.prefix(40)): expected a time such as 2026-11-21T04:10:00Z")
        }
        guard Instant.valid.contains(Instant(ms: ms)) else {
            throw Problem(status: 422, detail: "\(name)=\(text.prefix(40)): expected a time after 1970, such as 2026-11-21T04:10:00Z")
        }
        return Instant(ms: ms)
    }

    func wholeNumber(_ name: String, default fallback: Int64, in range: ClosedRange<Int64>) throws(Problem) -> Int64 {
        guard let text = query[name] else { return fallback }
        guard let value = Int64(text), range.contains(value) else {
            throw Problem(status: 400, detail: "\(name)=\(text.prefix(40)): expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// Whether the `Accept` header names CSV before JSON.
    var prefersCSV: Bool {
        let accepted = headers["accept"]?.split(separator: ",").map { $0.drop { $0 == " " } } ?? []
        return accepted.first { $0.hasPrefix("text/csv") || $0.hasPrefix("application/json") }?.hasPrefix("text/csv") ?? false
    }
}
