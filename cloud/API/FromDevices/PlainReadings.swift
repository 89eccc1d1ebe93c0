internal import APIDocuments
internal import Archive
internal import FoundationEssentials
internal import HTTPServer
internal import Measures
internal import Text
internal import Wire

/// A request with readings as plain JSON, from a device that cannot run the agent: the readings to store, and the response for every reading.
struct PlainReadings: Sendable {
    static let limit = 1_000  // readings per request

    struct Refusal: Sendable {
        let index: Int
        let reason: String
        let detail: String
        let field: String
    }
    /// A temperature or pressure that is out of range and is not stored.
    struct Ignored: Sendable {
        let index: Int
        let detail: String
    }

    private let isList: Bool
    private let count: Int
    private(set) var readings: [(index: Int, reading: SensorReading)] = []
    private(set) var refused: [Refusal] = []
    private(set) var ignored: [Ignored] = []
    private var (stored, duplicates) = (0, 0)

    /// - Throws: `Problem` if the whole request is invalid.
    static func parse(_ body: [UInt8], now: Instant) throws -> PlainReadings {
        do {
            let sent = try JSONDecoder().decode(RequestJSON.self, from: Data(body))
            return try PlainReadings(sent, now: now)
        } catch let error as DecodingError {
            guard case .malformed(let pointer, let what) = BatchJSON.refusal(error) else { throw error }
            throw Problem(status: 400, detail: "\(pointer.isEmpty ? "the readings" : pointer): \(what)", pointer: pointer)
        } catch BatchRefusal.malformed(let pointer, let what) {
            throw Problem(status: 400, detail: "\(pointer.isEmpty ? "the readings" : pointer): \(what)", pointer: pointer)
        }
    }

    private init(_ sent: RequestJSON, now: Instant) throws(Problem) {
        isList = sent.isList
        count = sent.readings.count
        guard count > 0 else {
            throw Problem(status: 400, detail: "expected 1 to \(PlainReadings.limit) readings, the request has none", pointer: "/readings")
        }
        guard Set(sent.readings.map(\.sensor)).count <= BatchFormat.sensorLimit else {
            throw Problem(status: 400, detail: "/readings: expected at most \(BatchFormat.sensorLimit) sensors in a request", pointer: "/readings")
        }
        for (index, one) in sent.readings.enumerated() {
            do throws(Fault) {
                let (reading, left) = try one.reading(now: now)
                readings.append((index, reading))
                for detail in left { ignored.append(Ignored(index: index, detail: detail)) }
            } catch {
                refused.append(Refusal(index: index, reason: error.reason, detail: error.detail, field: error.field))
            }
        }
    }

    /// Adds the outcome of each stored reading to the response.
    mutating func addOutcomes(_ receipt: Archive.PlainReceipt) {
        for (outcome, sent) in zip(receipt.outcomes, readings) {
            switch outcome {
            case .stored: stored += 1
            case .duplicate: duplicates += 1
            case .conflict:
                refused.append(
                    Refusal(
                        index: sent.index, reason: "conflict", detail: "another value is stored for \(sent.reading.sensor) at this time",
                        field: "humidity_pct"))
            case .unknownSensor:
                refused.append(
                    Refusal(
                        index: sent.index, reason: BatchAcknowledgement.RefusedRow.Reason.unknownSensor.name,
                        detail: "this device has reached its limit of sensors (VAHO_SENSORS_PER_DEVICE)", field: "sensor"))
            case .tooOld:
                refused.append(
                    Refusal(
                        index: sent.index, reason: BatchAcknowledgement.RefusedRow.Reason.tooOld.name,
                        detail: "the server no longer stores readings of this age (VAHO_ARCHIVE_RETENTION_DAYS)", field: "taken_at"))
            }
        }
        refused.sort { $0.index < $1.index }
    }

    /// The error response if the request has one reading and this reading is refused.
    var refusalOfOnlyReading: Problem? {
        guard count == 1, let only = refused.first else { return nil }
        let pointer = (isList ? "/readings/0/" : "/") + only.field
        return Problem(status: 400, detail: "\(only.reason): \(only.detail)", pointer: pointer)
    }

    var json: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("stored", stored)
            json.field("duplicates", duplicates)
            json.array("refused") { json in
                for refusal in refused {
                    json.object { json in
                        json.field("index", refusal.index)
                        json.field("reason", refusal.reason)
                        json.field("detail", refusal.detail)
                    }
                }
            }
            guard !ignored.isEmpty else { return }
            json.array("ignored") { json in
                for value in ignored {
                    json.object { json in
                        json.field("index", value.index)
                        json.field("detail", value.detail)
                    }
                }
            }
        }
        return json.bytes
    }

    struct Fault: Error {
        let reason: String
        let field: String
        let detail: String
    }

    // MARK: the request's JSON

    /// The request's body: one reading or a list of readings, decoded in one pass.
    private struct RequestJSON: Decodable {
        let readings: [ReadingJSON]
        let isList: Bool

        private enum Field: String, CodingKey { case readings, sensor }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Field.self)
            isList = fields.contains(.readings)
            guard isList || fields.contains(.sensor) else {
                throw BatchJSON.malformed("", "expected one reading with the field sensor, or a list in the field readings")
            }
            readings =
                isList ? try fields.decodeList(of: ReadingJSON.self, forKey: .readings, upTo: PlainReadings.limit) : [try ReadingJSON(from: decoder)]
        }
    }

    struct ReadingJSON: Decodable {
        let sensor: String
        let taken_at: String?
        let taken_at_ms: Int64?
        let humidity_pct: Double?
        let temperature_c: Double?
        let pressure_pa: Double?
    }
}

extension PlainReadings.ReadingJSON {
    /// - Returns: the reading, and a message for each value that is not stored.
    func reading(now: Instant) throws(PlainReadings.Fault) -> (SensorReading, ignored: [String]) {
        func malformed(_ field: String, _ detail: String) -> PlainReadings.Fault {
            PlainReadings.Fault(reason: BatchAcknowledgement.RefusedRow.Reason.malformed.name, field: field, detail: detail)
        }
        guard let name = SensorName(sensor) else { throw malformed("sensor", "sensor: \(SensorName.syntax)") }
        let takenAt = try takenAt(now: now)
        func scaledInteger(_ value: Double, _ factor: Double) -> Int32? {
            let scaled = (value * factor).rounded()
            return scaled.isFinite ? Int32(exactly: scaled) : nil
        }
        var humidity: Int32?
        if let humidity_pct {
            guard let mpct = scaledInteger(humidity_pct, 1_000) else {
                throw malformed("humidity_pct", "humidity_pct: \(humidity_pct) is out of range")
            }
            humidity = mpct
        }
        // An invalid temperature or pressure must not discard the humidity.
        var ignored: [String] = []
        func optionalValue(_ value: Double?, _ factor: Double, _ field: String) -> Int32? {
            guard let value else { return nil }
            if let fits = scaledInteger(value, factor) { return fits }
            ignored.append("\(field): \(value) is out of range")
            return nil
        }
        let temperature = optionalValue(temperature_c, 1_000, "temperature_c")
        let pressure = optionalValue(pressure_pa, 1, "pressure_pa")
        guard humidity != nil || temperature != nil else { throw malformed("humidity_pct", "humidity_pct or temperature_c is required") }
        let isTimed = taken_at != nil || taken_at_ms != nil
        let reading = Reading(
            takenAt: takenAt, humidityMpct: humidity, temperatureMc: temperature, pressurePa: pressure, clock: isTimed ? .holdover : .synchronised)
        return (SensorReading(sensor: name, reading: reading), ignored)
    }

    private func takenAt(now: Instant) throws(PlainReadings.Fault) -> Instant {
        let field = taken_at == nil ? "taken_at_ms" : "taken_at"
        func fault(_ reason: BatchAcknowledgement.RefusedRow.Reason, _ detail: String) -> PlainReadings.Fault {
            PlainReadings.Fault(reason: reason.name, field: field, detail: "\(field): \(detail)")
        }
        var takenAt = now  // a device without a clock: the time of arrival
        if let taken_at {
            guard let ms = RFC3339.parse(taken_at) else { throw fault(.malformed, "expected RFC 3339, such as 2026-11-21T08:00:00Z") }
            takenAt = Instant(ms: ms)
        } else if let taken_at_ms {
            takenAt = Instant(ms: taken_at_ms)
        }
        guard Instant.valid.contains(takenAt) else { throw fault(.malformed, "must be from 1970 to 2199") }
        guard takenAt >= Instant.earliestPlausible else {
            throw fault(.tooOld, "before February 2000: the device's clock was not set; omit the time to use the server's time")
        }
        guard takenAt <= now + .seconds(86_400) else { throw fault(.future, "more than a day ahead of the server's clock") }
        return takenAt
    }
}
