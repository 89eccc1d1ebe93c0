internal import Archive
internal import Console
internal import Measures
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
        var table = Table([.time("at"), .text("subject"), .text("decision"), .text("reason"), .text("by")])
        for decision in try await archive.decisions(limit: limit).reversed() {
            let since = decision.sinceDay.map { ", since " + RFC3339.format(ms: $0 * 86_400_000).prefix(10) } ?? ""
            table.addRow([RFC3339.format(ms: decision.at.ms), decision.subject, decision.event + since, decision.reason, decision.author])
        }
        table.write(format)
    }
}
