/// The Prometheus text format, version 0.0.4. Samples of one metric must follow one another; this keeps them together.
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

    /// A metric that is always 1: its labels say something.
    package mutating func info(_ name: String, _ help: String, _ labels: [(String, String)]) { add(name, help, "gauge", 1, labels) }

    private mutating func add(_ name: String, _ help: String, _ type: String, _ value: Double, _ labels: [(String, String)]) {
        let inner = labels.map { "\($0.0)=\"\(MetricsText.escaped($0.1))\"" }.joined(separator: ",")
        let series = name + (labels.isEmpty ? "" : "{\(inner)}")
        guard written.insert(series).inserted else { return }  // a second sample of one series would void the scrape
        let sample = name + (labels.isEmpty ? "" : "{\(inner)}") + " \(value)"
        if let index = metrics.firstIndex(where: { $0.name == name }) {
            metrics[index].samples.append(sample)
        } else {
            metrics.append((name, help, type, [sample]))
        }
    }

    /// By Unicode scalars: a letter with a mark on it, or a carriage return before a newline, would hide what must be escaped.
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
