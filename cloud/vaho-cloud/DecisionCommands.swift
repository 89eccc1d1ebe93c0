internal import Archive
internal import Console
internal import Measures
internal import Runtime
internal import Text

extension Program.Command {
    static let decisions = Program.Command(
        "decisions", "what was decided about models, rollouts, keys and sensors, by whom and why, oldest first",
        usage: "[--limit NUMBER] [--format FORMAT]",
        options: [.config, .store, OutputFormat.option, Arguments.Option("limit", value: "NUMBER", "only the newest decisions (default 100)")]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let limit = try arguments.integer("limit", in: 1...1_000_000) ?? 100
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        let decisions = try await archive.decisions(limit: limit).reversed()
        if format == .table {
            StandardOutput.write(decisions.map { story($0) }.joined())
            return
        }
        var table = Table([
            .time("at"), .text("subject"), .text("decision"), .text("reason"), .text("author"),
        ])
        for decision in decisions {
            table.addRow([RFC3339.format(ms: decision.at.ms), decision.subject, decision.event + since(decision), decision.reason, decision.author])
        }
        table.write(format)
    }

    /// A decision as a sentence or two behind its time.
    private static func story(_ decision: Archive.Decision) -> String {
        let time = RFC3339.format(ms: decision.at.ms)
        let reason = decision.reason.isEmpty ? "" : ": \(decision.reason)"
        return Paragraph.text(
            "\(decision.subject) \(decision.event)\(since(decision))\(reason) [\(decision.author)]",
            label: "\(time.prefix(10)) \(time.dropFirst(11).prefix(5))Z",
            indent: 19, width: StandardOutput.width)
    }

    private static func since(_ decision: Archive.Decision) -> String {
        decision.sinceDay.map { ", since " + RFC3339.format(ms: $0 * 86_400_000).prefix(10) } ?? ""
    }
}
