@testable import API
import Examples
import Foundation
import Measures
import Testing
import Wire

@Suite struct BatchJSONTests {
    private func batch(_ text: String) throws -> Batch { try BatchJSON.batch(Array(text.utf8)) }
    private let head = #""version":1,"epoch":"00000000000000aa","first":5,"sensors":["air"]"#

    @Test func `columns and records become rows in sequence order`() throws {
        let batch = try batch(
            """
            {\(head),"sensor":[0,0],"taken_at_ms":[1000,2000],"humidity_mpct":[45000,null],"temperature_mc":[null,20000],"clock":[1,0],
             "records":[{"sequence":6,"kind":"hole","sensor":"air","reason":"sensor_error","from_ms":1,"to_ms":2,"count":3},
                        {"sequence":8,"kind":"sensor","sensor":"air","type":"hwmon","step_s":600}]}
            """)
        #expect(batch.first == 5 && batch.last == 8)
        let air = try #require(SensorName("air"))
        #expect(batch.rows[0] == .reading(sensor: 0, Reading(takenAt: Instant(ms: 1_000), humidityMpct: 45_000, clock: .holdover)))
        #expect(batch.rows[1] == .record(.hole(Hole(sensor: air, reason: .sensorError, from: Instant(ms: 1), to: Instant(ms: 2), count: 3))))
        #expect(batch.rows[2] == .reading(sensor: 0, Reading(takenAt: Instant(ms: 2_000), humidityMpct: nil, temperatureMc: 20_000)))
        #expect(batch.rows[3] == .record(.sensor(SensorRecord(sensor: air, kind: "hwmon", step: .seconds(600)))))
        #expect(try Batch(binary: batch.binary()) == batch)
    }

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `a batch encoded as JSON decodes to the same batch`(seed: UInt64) throws {
        let batch = randomBatch(seed: seed)
        #expect(try BatchJSON.batch(batch.json()) == batch)
    }

    @Test func `a batch needs rows or a report`() throws {
        let report = try #require(randomBatch(seed: 2).report)
        let alone = Batch(epoch: Epoch(bits: 9), first: 1, sensors: [], rows: [], report: report)
        #expect(try BatchJSON.batch(alone.json()) == alone)
        #expect(throws: BatchRefusal.self) { try BatchJSON.batch(Batch(epoch: Epoch(bits: 9), first: 1, sensors: [], rows: []).json()) }
    }

    @Test func `truncated JSON is refused at every length`() {
        let bytes = randomBatch(seed: 4, rows: 12).json()
        for length in bytes.indices { #expect(throws: BatchRefusal.self) { try BatchJSON.batch(Array(bytes.prefix(length))) } }
    }

    @Test(arguments: [
        (#""sensor":[1],"taken_at_ms":[1],"humidity_mpct":[1]"#, "/sensor/0"),
        (#""sensor":[0],"taken_at_ms":[1],"humidity_mpct":[]"#, "/humidity_mpct"),
        (#""sensor":[0],"taken_at_ms":[null],"humidity_mpct":[1]"#, "/taken_at_ms/0"),
        (#""sensor":[0],"taken_at_ms":[1],"humidity_mpct":[99999999999]"#, "/humidity_mpct/0"),
        (#""sensor":[0],"taken_at_ms":[1.5],"humidity_mpct":[1]"#, "/taken_at_ms/0"),
        (#""sensor":[0],"taken_at_ms":[9223372036854775807],"humidity_mpct":[1]"#, "/taken_at_ms/0"),
        (#""sensor":[0],"taken_at_ms":[1],"humidity_mpct":[1],"boottime_ms":[-1]"#, "/boottime_ms/0"),
        (#""sensor":[0],"taken_at_ms":[1],"humidity_mpct":[1],"report":{"clock":4}"#, "/report/clock"),
        (#""sensor":[0],"taken_at_ms":[1],"humidity_mpct":[1],"report":{"release":{"counter":1,"sha256":"00"}}"#, "/report/release/sha256"),
        (#""sensor":[0],"taken_at_ms":[1],"humidity_mpct":[1],"clock":[7]"#, "/clock/0"),
        (
            #""sensor":[0],"taken_at_ms":[1],"humidity_mpct":[1],"records":[{"sequence":6,"kind":"sensor","sensor":"a","type":"x","step_s":86400}]"#,
            "/records"
        ),
        (
            #""sensor":[0],"taken_at_ms":[1],"humidity_mpct":[1],"records":[{"sequence":6,"kind":"hole","reason":"sensor_error","sequences":[1,9007199254740993]}]"#,
            "/records"
        ),
        (#""sensor":[],"taken_at_ms":[],"humidity_mpct":[]"#, ""),
        (#""sensor":[0],"taken_at_ms":[1],"humidity_mpct":[1],"records":[{"sequence":99,"kind":"hole","reason":"sensor_error"}]"#, "/records"),
        (#""sensor":[0],"taken_at_ms":[1],"humidity_mpct":[1],"records":[{"sequence":6,"kind":"hole","reason":"bad luck"}]"#, "/records"),
    ])
    func `a refusal names the faulty value by a JSON pointer`(columns: String, pointer: String) {
        let error = #expect(throws: BatchRefusal.self) { try batch("{\(head),\(columns)}") }
        guard case .malformed(let found, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(found.hasPrefix(pointer))
    }

    @Test func `the batch in the documents is valid`() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../cloud/running.md"
        let page = try String(contentsOfFile: path, encoding: .utf8)
        let example = try #require(page.split(separator: "\n").first { $0.contains("-d '{") })
        let json = try #require(example.split(separator: "'").dropFirst().first)
        let batch = try batch(String(json))
        #expect(batch.sensors.map(\.name) == ["crypt"])
        #expect(batch.rows.count == 1)
    }

    @Test func `an unknown version is reported before the rest of the batch is read`() {
        #expect(throws: BatchRefusal.version(3)) { try batch(#"{"version":3,"all":"new"}"#) }
    }
}
