internal import Archive
internal import Console
internal import Runtime
internal import Evaluation
internal import Measures
internal import Text

/// The parts of a run as tables.
struct RunView {
    let run: Archive.Run
    let archive: Archive

    func write(_ format: OutputFormat) async throws {
        let (steps, evidence) = (try await archive.steps(of: run.id), try await archive.evidence(of: run.id))
        let (figures, messages) = (try await archive.figures(of: run.id), try await archive.messages(of: run.id))
        guard format == .table else {
            // One table with all parts, so that a program reads one array.
            var table = Table([.text("part"), .text("name"), .text("value"), .text("state"), .text("detail")])
            table.addRow(["run", String(run.id), run.outcome, run.endedAt == nil ? "running" : "ended", run.detail])
            for step in steps { table.addRow(["step", step.name, step.inputs, step.state, step.detail]) }
            for figure in figures { table.addRow(["figure", figure.name, figure.value, "", ""]) }
            for row in evidence { table.addRow(["evidence", row.subject.name, RunView.change(row), row.status.rawValue, RunView.bounds(row)]) }
            for message in messages { table.addRow(["log", RFC3339.format(ms: message.at.ms), message.message, "", message.step]) }
            return table.write(format)
        }
        let author = run.author.isEmpty ? "" : ", started by \(run.author)"
        Paragraph.write("run \(run.id), \(run.cause)\(author): \(run.endedAt == nil ? "running" : run.outcome)")
        if !run.detail.isEmpty { Paragraph.write(run.detail, indent: 2) }
        var stepTable = Table([
            .text("step"), .text("state"), .number("attempts"), .time("started_at", heading: "started"), .number("seconds"), .text("detail"),
        ])
        for step in steps {
            let seconds = step.endedAt.map { String(($0 - step.startedAt).components.seconds) } ?? ""
            stepTable.addRow([step.name, step.state, String(step.attempts), RFC3339.format(ms: step.startedAt.ms), seconds, step.detail])
        }
        stepTable.write(.table)
        if !evidence.isEmpty {
            StandardOutput.write("\n")
            RunView.table(of: evidence).write(.table)
        }
        if !figures.isEmpty {
            StandardOutput.write("\n")
            var table = Table([.text("figure"), .text("value")])
            for figure in figures { table.addRow([figure.name, figure.value]) }
            table.write(.table)
        }
        StandardOutput.write("\n")
        var log = Table([.time("at"), .text("step"), .text("message")])
        for message in messages { log.addRow([RFC3339.format(ms: message.at.ms), message.step, message.message]) }
        log.write(.table)
    }

    private static func table(of evidence: [Evidence]) -> Table {
        var table = Table([
            .text("subject"), .number("targets", isOmittable: true), .number("blocks"), .number("candidate"), .number("champion"), .text("change"),
            .text("bounds", heading: "90 % range"), .text("status"),
        ])
        for row in evidence {
            table.addRow([
                row.subject.name, String(row.targets), String(row.blocks), NumberText.fixed(row.candidate, places: 3) ?? "",
                NumberText.fixed(row.champion, places: 3) ?? "", change(row), bounds(row), row.status.rawValue,
            ])
        }
        return table
    }

    private static func change(_ row: Evidence) -> String { row.change.map(percent) ?? "" }
    private static func bounds(_ row: Evidence) -> String {
        guard let low = row.low, let high = row.high else { return "" }
        return "\(percent(low)) to \(percent(high))"
    }
    private static func percent(_ share: Double) -> String { (NumberText.fixed(100 * share, places: 1) ?? "") + " %" }
}
