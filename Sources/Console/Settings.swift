internal import Glibc
internal import Runtime
internal import Text

/// Reads the `VAHO_…` variables of the environment and of a `KEY=VALUE` file, and collects all problems for one report.
package struct Settings {
    private let values: [String: String]
    private let inFile: Set<String>
    private var known: Set<String> = []
    package private(set) var problems: [String] = []

    /// - Parameter environment: overrides `file`.
    package init(environment: [String: String], file: [String: String] = [:]) {
        inFile = Set(file.keys)
        values = file.merging(environment.filter { $0.key.hasPrefix("VAHO_") }) { _, environment in environment }
    }

    /// Parses lines `KEY=VALUE`; skips blank lines and lines that begin with `#`. A duplicate key is an error: otherwise one of the two values
    /// would be ignored without notice.
    package static func parse(file bytes: [UInt8], path: String) throws(UsageError) -> [String: String] {
        var values: [String: String] = [:]
        var problems: [String] = []
        for (index, line) in TextLines.split(bytes).enumerated() {
            let trimmed = line.trimmingBlanks()
            guard !trimmed.isEmpty, trimmed.utf8.first != 35 else { continue }
            let parts = trimmed.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { $0.trimmingBlanks() }
            guard parts.count == 2, parts[0].hasPrefix("VAHO_") else {
                problems.append("\(path):\(index + 1): expected VAHO_NAME=value, found «\(PrintableText.line(trimmed, limit: 80))»")
                continue
            }
            var value = parts[1]
            if value.utf8.count >= 2, let quote = value.first, quote == "\"" || quote == "'", value.last == quote {
                value = String(value.dropFirst().dropLast())
            }
            if values.updateValue(value, forKey: parts[0]) != nil { problems.append("\(path):\(index + 1): \(parts[0]) is set twice in this file") }
        }
        guard problems.isEmpty else { throw UsageError(problems.joined(separator: "\n")) }
        return values
    }

    package mutating func text(_ key: String, default fallback: String) -> String { optional(key) ?? fallback }

    package mutating func optional(_ key: String) -> String? {
        known.insert(key)
        return values[key].flatMap { $0.isEmpty ? nil : $0 }
    }

    package mutating func integer(_ key: String, default fallback: Int, in range: ClosedRange<Int>) -> Int {
        integer(key, default: fallback, in: range, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }

    private mutating func integer(_ key: String, default fallback: Int, in range: ClosedRange<Int>, expected: String) -> Int {
        guard let text = optional(key) else { return fallback }
        guard let value = Int(text), range.contains(value) else {
            problem("\(key)=\(text): expected \(expected)")
            return fallback
        }
        return value
    }

    /// A number of days; `nil` for the word `forever`.
    package mutating func days(_ key: String, default fallback: Int, in range: ClosedRange<Int>) -> Int? {
        if optional(key) == "forever" { return nil }
        let expected = "a whole number of days from \(range.lowerBound) to \(range.upperBound), or forever"
        return integer(key, default: fallback, in: range, expected: expected)
    }

    package mutating func choice<Value>(_ key: String, default fallback: Value, among choices: [String: Value]) -> Value {
        guard let text = optional(key) else { return fallback }
        guard let value = choices[text] else {
            problem("\(key)=\(text): expected one of \(choices.keys.sorted().joined(separator: ", "))")
            return fallback
        }
        return value
    }

    /// `VAHO_PLAIN_HTTP`: whether plain HTTP is allowed to every host, or only to loopback.
    package mutating func allowsPlainHTTP() -> Bool { choice("VAHO_PLAIN_HTTP", default: false, among: ["anywhere": true, "loopback": false]) }

    /// A setting `ADDRESS:PORT`, with an IPv6 address in brackets.
    package mutating func endpoint(_ key: String, default fallback: Endpoint) -> Endpoint {
        guard let text = optional(key) else { return fallback }
        guard let endpoint = Endpoint(text) else {
            problem("\(key)=\(text): expected a numeric address and a port, such as 127.0.0.1:8470 or [::1]:8470 (port 0: the system chooses)")
            return fallback
        }
        return endpoint
    }

    /// The host names under which a server is reachable, in addition to loopback names and numeric addresses: see `HostNames`.
    package mutating func hostNames(_ key: String) -> [String] {
        let names = (optional(key) ?? "").split(separator: ",").map { $0.trimmingBlanks() }.filter { !$0.isEmpty }
        for name in names where name.utf8.contains(where: { $0 <= 32 || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") || $0 >= 127 }) {
            problem("\(key)=\(name): expected host names without port, separated by commas, such as vaho.example.org")
        }
        return names
    }

    /// The settings whose names begin with `prefix`, without the prefix.
    package mutating func group(_ prefix: String) -> [(name: String, value: String)] {
        let keys = values.keys.filter { $0.hasPrefix(prefix) && $0.utf8.count > prefix.utf8.count }.sorted()
        known.formUnion(keys)
        return keys.map { (String($0.dropFirst(prefix.utf8.count)), values[$0] ?? "") }
    }

    package mutating func problem(_ text: String) { problems.append(text) }

    /// Reports unknown settings, with the most similar known name, and throws if there are problems. Call after reading all settings.
    /// - Parameter other: the program whose variables are ignored in the environment; in this program's own file they are an error.
    package mutating func throwProblems(ignoring other: ProgramSettings? = nil) throws(UsageError) {
        for key in values.keys.sorted() where !known.contains(key) && (inFile.contains(key) || other?.contains(key) != true) {
            let nearest = NearestWord.closest(key, in: known.sorted()).map { ": did you mean \($0)?" } ?? ""
            problem("\(key) is not a setting\(nearest)")
        }
        guard problems.isEmpty else {
            throw UsageError(problems.count == 1 ? problems[0] : "\(problems.count) settings are wrong:\n  " + problems.joined(separator: "\n  "))
        }
    }
}

/// A numeric address and a port.
package struct Endpoint: Sendable, Equatable, CustomStringConvertible {
    package let address: String
    package let port: UInt16

    package init(address: String, port: UInt16) {
        self.address = address
        self.port = port
    }

    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        var address = String(text[..<colon])
        if address.hasPrefix("["), address.hasSuffix("]") { address = String(address.dropFirst().dropLast()) }
        guard !address.isEmpty, address.utf8.allSatisfy({ (48...58).contains($0) || $0 == 46 || (97...102).contains($0) || (65...70).contains($0) })
        else {
            return nil
        }
        self.init(address: address, port: port)
    }

    package var isLoopback: Bool { LoopbackAddress.isLoopback(address) }
    package var description: String { address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)" }
}

package enum ProcessEnvironment {
    /// The environment variables of this process; if a name occurs twice, the later value applies.
    package static var all: [String: String] {
        var variables: [String: String] = [:]
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let parts = unsafe String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
            unsafe entry += 1
        }
        return variables
    }
}
