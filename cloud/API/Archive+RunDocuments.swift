internal import APIDocuments
internal import Archive
internal import Evaluation
internal import Measures
internal import Pipeline
internal import Text

/// JSON documents of runs.
extension Archive {
    func runsDocument(_ page: NewestFirst) throws -> [UInt8] {
        try page.document("runs", { try runs(before: $0, limit: $1) }, number: \.id) { Archive.write($0, &$1) }
    }

    /// A run with its steps, figures, evidence and log.
    func runDocument(_ id: String) throws -> [UInt8] {
        guard let number = Int64(id), let run = try run(number) else { throw Problem(status: 404, detail: "there is no run «\(id.prefix(20))»") }
        let (steps, figures, evidence, messages) = try (steps(of: run.id), figures(of: run.id), evidence(of: run.id), messages(of: run.id))
        var json = JSONWriter()
        json.object { json in
            Archive.write(run, &json)
            json.array("steps") { json in
                for step in steps {
                    json.object { json in
                        json.field("name", step.name)
                        json.field("state", step.state)
                        json.field("attempts", Int64(step.attempts))
                        json.field("started_at", RFC3339.format(ms: step.startedAt.ms))
                        json.field("ended_at", step.endedAt.map { RFC3339.format(ms: $0.ms) })
                        json.field("inputs", step.inputs)
                        json.field("detail", step.detail)
                    }
                }
            }
            json.object("figures") { json in for figure in figures { json.field(figure.name, figure.value) } }
            json.array("evidence") { json in for row in evidence { json.object { Archive.write(row, &$0) } } }
            json.array("log") { json in
                for message in messages {
                    json.object { json in
                        json.field("at", RFC3339.format(ms: message.at.ms))
                        json.field("step", message.step)
                        json.field("message", message.message)
                    }
                }
            }
        }
        return json.bytes
    }

    private static func write(_ run: Run, _ json: inout JSONWriter) {
        json.field("id", run.id)
        json.field("started_at", RFC3339.format(ms: run.createdAt.ms))
        json.field("ended_at", run.endedAt.map { RFC3339.format(ms: $0.ms) })
        json.field("cause", run.cause)
        json.field("author", run.author.isEmpty ? nil : run.author)
        json.field("step", run.endedAt == nil ? TrainingStep(rawValue: run.step)?.name : nil)
        json.field("snapshot", run.snapshot)
        json.field("device_days", run.deviceDays, places: 1)
        json.field("outcome", run.outcome.isEmpty ? nil : run.outcome)
        json.field("detail", run.detail)
        json.field("release", run.release)
    }

    private static func write(_ row: Evidence, _ json: inout JSONWriter) {
        json.field("subject", row.subject.name)
        json.field("targets", Int64(row.targets))
        json.field("blocks", Int64(row.blocks))
        json.field("candidate", row.candidate, places: 4)
        json.field("champion", row.champion, places: 4)
        json.field("change", row.change, places: 4)
        json.field("low", row.low, places: 4)
        json.field("high", row.high, places: 4)
        json.field("allowed_low", row.allowed.lowerBound, places: 4)
        json.field("allowed_high", row.allowed.upperBound, places: 4)
        json.field("status", row.status.rawValue)
    }
}
