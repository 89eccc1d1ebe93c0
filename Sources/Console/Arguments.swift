internal import Text

/// A command's arguments, checked against the options and positional arguments that the command accepts.
package struct Arguments: Sendable {
    package private(set) var positional: [String] = []
    private var values: [String: String] = [:]
    private var flags: Set<String> = []

    package struct Option: Sendable {
        package let name: String  // without the dashes
        package let value: String?  // placeholder of the value in the help; nil: a flag without a value
        package let help: String
        package init(_ name: String, value: String? = nil, _ help: String) {
            self.name = name
            self.value = value
            self.help = help
        }
    }

    /// The first positional argument of the usage text that the user did not give.
    private static func missing(_ usage: String, after count: Int) -> String {
        var depth = 0
        let outside = usage.filter { letter in
            if letter == "[" { depth += 1 }
            defer { if letter == "]" { depth -= 1 } }
            return depth == 0
        }
        let alternative = outside.split(separator: "|", maxSplits: 1).first ?? ""
        let words = alternative.split(separator: " ").filter { $0.utf8.allSatisfy { (65...90).contains($0) } }
        return count < words.count ? String(words[count]) : "a word"
    }

    /// - Parameters:
    ///   - options: the options of the command; `--name value` and `--name=value` are equivalent.
    ///   - positional: the allowed number of positional arguments.
    ///   - usage: names the positional arguments, in capital letters outside brackets.
    package init(_ words: ArraySlice<String>, options: [Option], positional allowed: ClosedRange<Int>, usage: String = "") throws(UsageError) {
        var rest = words
        while let word = rest.popFirst() {
            guard word.hasPrefix("--"), word != "--" else {
                if word.hasPrefix("-"), word != "-", word != "--" { throw UsageError("\(word): options begin with two dashes") }
                if word != "--" { positional.append(word) }
                continue
            }
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let option = options.first(where: { $0.name == parts[0] }) else {
                let nearest = NearestWord.closest(parts[0], in: options.map(\.name)).map { ": did you mean --\($0)?" } ?? ""
                throw UsageError("--\(parts[0]) is not an option of this command\(nearest)")
            }
            if option.value == nil {
                guard parts.count == 1 else { throw UsageError("--\(option.name) takes no value") }
                flags.insert(option.name)
            } else if parts.count == 2 {
                values[option.name] = parts[1]
            } else if let next = rest.popFirst() {
                values[option.name] = next
            } else {
                throw UsageError("--\(option.name) needs a value: --\(option.name) \(option.value ?? "")")
            }
        }
        guard allowed.contains(positional.count) else {
            throw UsageError(
                positional.count > allowed.upperBound
                    ? "«\(positional[allowed.upperBound])» is one word too many"
                    : "\(Arguments.missing(usage, after: positional.count)) is missing; usage: \(usage)")
        }
    }

    package func value(_ name: String) -> String? { values[name] }
    package func hasFlag(_ name: String) -> Bool { flags.contains(name) }

    package func integer(_ name: String, in range: ClosedRange<Int>) throws(UsageError) -> Int? {
        guard let text = values[name] else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw UsageError("--\(name)=\(text): expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    package func choice<Value: RawRepresentable<String> & CaseIterable>(_ name: String, default fallback: Value) throws(UsageError) -> Value {
        guard let text = values[name] else { return fallback }
        guard let value = Value(rawValue: text) else {
            throw UsageError("--\(name)=\(text): expected one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return value
    }

    /// A duration such as `10m`, `24h`, `5d` or `90s`.
    package func duration(_ name: String) throws(UsageError) -> Duration? {
        guard let text = values[name] else { return nil }
        guard let duration = DurationText.parse(text) else { throw UsageError("--\(name)=\(text): expected a duration such as 90s, 30m, 24h or 5d") }
        return duration
    }
}

/// The user gave wrong arguments or settings: exit code 2.
package struct UsageError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// The command failed: exit code 1.
package struct CommandFailure: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
