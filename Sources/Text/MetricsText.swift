/// The Prometheus text format, version 0.0.4. The format requires the samples of one metric to be consecutive; this type groups them.
package struct MetricsText {
    private var metrics: [(name: String, help: String, type: String, samples: [String])] = []
    private var written: Set<String> = []

    package init() {}

    package mutating func gauge(_ name: String, _ help: String, _ value: Double, _ labels: [(String, String)] = []) {
        add(name, help, "gauge", value, labels)
    }
    package mutating func counter(_ name: String, _ help: String, _ value: Double, _ labels: [(String, String)] = []) {
        add(name, help, "counter", value, labels)
    }

    /// A metric with the constant value 1; its labels carry the information.
    package mutating func info(_ name: String, _ help: String, _ labels: [(String, String)]) { add(name, help, "gauge", 1, labels) }

    private mutating func add(_ name: String, _ help: String, _ type: String, _ value: Double, _ labels: [(String, String)]) {
        let inner = labels.map { "\($0.0)=\"\(MetricsText.escaped($0.1))\"" }.joined(separator: ",")
        let series = name + (labels.isEmpty ? "" : "{\(inner)}")
        guard written.insert(series).inserted else { return }  // Prometheus rejects a scrape that has the same series twice
        let sample = name + (labels.isEmpty ? "" : "{\(inner)}") + " \(value)"
        if let index = metrics.firstIndex(where: { $0.name == name }) {
            metrics[index].samples.append(sample)
        } else {
            metrics.append((name, help, type, [sample]))
        }
    }

    /// Compares Unicode scalars, not characters: a character with a combining mark, or CR LF as one character, would hide a scalar that must be
    /// escaped.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": escaped += "\\\""
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case _ where scalar.value < 32 || scalar.value == 127: escaped += " "
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    package var text: String {
        metrics.map { "# HELP \($0.name) \($0.help)\n# TYPE \($0.name) \($0.type)\n" + $0.samples.map { $0 + "\n" }.joined() }.joined()
    }
}
