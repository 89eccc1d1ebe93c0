internal import APIDocuments
internal import Archive
internal import HTTPServer
internal import Measures
internal import Observing
internal import Text

/// The selection of observations in a request: the newest hours on the sensor's own grid, or the spans of a period.
struct ObservationQuery: Sendable {
    private enum Selection: Sendable {
        case hours(Int64)
        case period(from: Instant?, to: Instant?, step: Duration?)
    }

    let sensor: String?
    private let selection: Selection

    static let parameters: Set<String> = ["sensor", "hours", "from", "to", "step"]
    /// The most points of an answer: more than the pixels of a chart's width, and cheap to compute.
    private static let maximumPoints: Int64 = 2_000
    private static let steps: [Duration] = [600, 3_600, 3 * 3_600, 6 * 3_600, 12 * 3_600, 86_400, 7 * 86_400, 28 * 86_400].map { .seconds($0) }

    init(_ request: HTTPRequest) throws {
        sensor = request.query["sensor"]
        guard ["from", "to", "step"].contains(where: { request.query[$0] != nil }) else {
            selection = .hours(try request.wholeNumber("hours", default: 72, in: 1...9_600))
            return
        }
        guard request.query["hours"] == nil else { throw Problem(status: 422, detail: "hours: use either hours, or from, to and step") }
        func instant(_ name: String) throws -> Instant? { request.query[name] == nil ? nil : try request.instant(name) }
        let step = request.query["step"].map { ISO8601Duration.parse($0) }
        if let step, step.map({ $0 < .seconds(600) }) ?? true {
            throw Problem(
                status: 422, detail: "step=\(request.query["step"]?.prefix(40) ?? ""): expected an ISO 8601 duration of at least PT10M, such as PT1H")
        }
        selection = .period(from: try instant("from"), to: try instant("to"), step: step ?? nil)
    }

    func document(_ archive: isolated Archive, _ id: String) throws -> [UInt8] {
        let sensor = try archive.sensor(self.sensor, of: id)
        guard case .period = selection else {
            return Documents.observations(sensor: sensor.name, step: sensor.grid.step, try newest(archive, sensor))
        }
        let (spans, step) = try spans(archive, sensor)
        var json = JSONWriter()
        json.object { json in
            json.field("sensor", sensor.name.name)
            json.field("step_s", step.wholeSeconds)
            json.array("time") { json in for span in spans { json.string(RFC3339.format(ms: span.end.ms)) } }
            json.array("humidity_pct") { json in for span in spans { json.number(span.meanPct, places: 3) } }
            json.array("humidity_min_pct") { json in for span in spans { json.number(span.minimumPct, places: 3) } }
            json.array("humidity_max_pct") { json in for span in spans { json.number(span.maximumPct, places: 3) } }
            json.array("temperature_c") { json in for span in spans { json.number(span.temperatureC, places: 3) } }
            json.array("observations") { json in for span in spans { json.number(Double(span.observations), places: 0) } }
        }
        return json.bytes
    }

    func csv(_ archive: isolated Archive, _ id: String) throws -> [UInt8] {
        let sensor = try archive.sensor(self.sensor, of: id)
        func fixed(_ value: Double?) -> String { value.flatMap { NumberText.fixed($0, places: 3) } ?? "" }
        var lines: [String]
        if case .period = selection {
            lines = ["time,humidity_pct,humidity_min_pct,humidity_max_pct,temperature_c,observations"]
            for span in try spans(archive, sensor).spans {
                lines.append(
                    [
                        RFC3339.format(ms: span.end.ms), fixed(span.meanPct), fixed(span.minimumPct), fixed(span.maximumPct),
                        fixed(span.temperatureC),
                        String(span.observations),
                    ].joined(separator: ","))
            }
        } else {
            lines = ["time,humidity_pct,temperature_c"]
            for row in try newest(archive, sensor) {
                lines.append("\(RFC3339.format(ms: row.validAt.ms)),\(fixed(row.humidity.percent)),\(fixed(row.temperature?.celsius))")
            }
        }
        return Array((lines.joined(separator: "\n") + "\n").utf8)
    }

    private func newest(_ archive: isolated Archive, _ sensor: Archive.Sensor) throws -> [Observation] {
        guard case .hours(let hours) = selection else { return [] }
        return try archive.observations(of: sensor, since: (sensor.lastAt ?? Instant(ms: 0)) - .seconds(hours * 3_600), limit: 60_000)
    }

    private func spans(
        _ archive: isolated Archive, _ sensor: Archive.Sensor
    ) throws -> (spans: [Archive.ObservationSpan], step: Duration) {
        guard case .period(let from, let to, let wanted) = selection else { return ([], sensor.grid.step) }
        let end = to ?? sensor.lastAt ?? Instant(ms: 0)
        let start = from ?? end - .seconds(72 * 3_600)
        guard start < end else { throw Problem(status: 422, detail: "from: expected a time before \(RFC3339.format(ms: end.ms))") }
        let own = sensor.grid.step
        func points(_ step: Duration) -> Int64 { (end.ms - start.ms) / step.ms + 1 }
        let fitting = ObservationQuery.steps.first { $0 >= own && points($0) <= ObservationQuery.maximumPoints }
        guard let fitting else {
            throw Problem(status: 422, detail: "from, to: the period is longer than \(ObservationQuery.maximumPoints) times 28 days")
        }
        let step = wanted ?? fitting
        guard step.ms % own.ms == 0 else {
            throw Problem(status: 422, detail: "step: expected a multiple of the sensor's step of \(own.wholeSeconds) s")
        }
        guard points(step) <= ObservationQuery.maximumPoints else {
            throw Problem(
                status: 422,
                detail: "step: this period has \(points(step)) spans, at most \(ObservationQuery.maximumPoints) are sent: "
                    + "leave step out, or use at least PT\(fitting.wholeSeconds / 60)M")
        }
        return (try archive.observationSpans(of: sensor, after: start, through: end, step: step), step)
    }
}
