internal import APIDocuments
internal import FoundationEssentials
internal import HTTPServer

/// Decodes small JSON bodies. An error names the faulty field by a JSON pointer (RFC 6901).
enum JSONBody {
    /// - Parameters:
    ///   - isOptional: an empty body counts as `{}`.
    ///   - limit: the largest body in bytes.
    static func decode<Body: Decodable>(
        _ type: Body.Type, from request: HTTPRequest, isOptional: Bool = false, limit: Int = 16_384
    ) throws -> Body {
        var bytes = try request.body()
        guard bytes.count <= limit else { throw Problem(status: 413, detail: "the body is longer than \(limit) bytes") }
        if bytes.isEmpty, isOptional { bytes = Array("{}".utf8) }
        let sent = request.headers["content-type"].map { String($0.prefix { $0 != ";" }).lowercased() }
        guard sent == "application/json" || (isOptional && sent == nil) else {
            let what = sent.map { "not as «\($0.prefix(80))»" } ?? "with the header Content-Type"
            throw Problem(status: 415, detail: "send the body as application/json, \(what)")
        }
        do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch DecodingError.keyNotFound(let key, let context) {
            throw problem(context.codingPath + [key], "this field is missing")
        } catch DecodingError.typeMismatch(let type, let context), DecodingError.valueNotFound(let type, let context) {
            throw problem(context.codingPath, "expected \(name(of: type))")
        } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
            throw problem(context.codingPath, "this value is not valid")
        } catch is DecodingError {
            // For a number out of range the decoder gives neither the field nor a kind of its own.
            let isJSON = (try? JSONDecoder().decode(AnyValue.self, from: Data(bytes))) != nil
            throw Problem(status: 400, detail: isJSON ? "the body has a number that is out of range" : "the body is not a JSON object", pointer: "")
        }
    }

    /// Accepts every JSON value.
    private struct AnyValue: Decodable {
        init(from decoder: any Decoder) {}
    }

    private static func name(of type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a text"
        case is Bool.Type: "true or false"
        case is any BinaryInteger.Type: "a whole number"
        case is any BinaryFloatingPoint.Type: "a number"
        default: "another kind of value"
        }
    }

    private static func problem(_ path: [any CodingKey], _ what: String) -> Problem {
        let pointer = path.map { key in
            "/" + (key.intValue.map(String.init) ?? key.stringValue.replacing("~", with: "~0").replacing("/", with: "~1"))
        }.joined()
        return Problem(status: 400, detail: "\(pointer.isEmpty ? "the body" : String(pointer.prefix(100))): \(what)", pointer: pointer)
    }
}
