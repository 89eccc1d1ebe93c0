import Examples
import Bytes
import Measures
import Testing
import Wire

@Suite struct BatchTests {
    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `a batch decodes to the encoded value`(seed: UInt64) throws {
        let batch = randomBatch(seed: seed)
        #expect(try Batch(binary: batch.binary()) == batch)
    }

    @Test func `a truncated batch or a flipped bit is refused`() {
        let bytes = randomBatch(seed: 4).binary()
        for length in bytes.indices { #expect(throws: BatchRefusal.self) { try Batch(binary: Array(bytes.prefix(length))) } }
        for place in bytes.indices {
            var damaged = bytes
            damaged[place] ^= 1 << (place % 8)
            #expect(throws: BatchRefusal.self) { try Batch(binary: damaged) }
        }
    }

    @Test func `random bytes with a valid checksum never crash the decoder`() throws {
        // The checksum guards against damage, not against a hostile device, so the decoder also checks the columns.
        var random = Generator(seed: 99)
        let good = randomBatch(seed: 6).binary()
        for _ in 0..<3_000 {
            var bytes = Array(good.dropLast(4))
            for _ in 0...random.next(below: 4) {
                bytes[5 + Int(random.next(below: Int64(bytes.count - 5)))] = UInt8(truncatingIfNeeded: random.next())
            }
            let checksum = checksum(bytes)
            _ = try? Batch(binary: bytes + (0..<4).map { UInt8(truncatingIfNeeded: checksum >> (8 * $0)) })
        }
    }

    private func checksum(_ bytes: [UInt8]) -> UInt32 {
        var value: UInt32 = .max
        for byte in bytes {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? (value >> 1) ^ 0x82F6_3B78 : value >> 1 }
        }
        return ~value
    }

    @Test func `an unknown version is reported even if nothing else can be read`() {
        var bytes = randomBatch(seed: 1).binary()
        bytes[4] = 2
        #expect(throws: BatchRefusal.version(2)) { try Batch(binary: bytes) }
    }

    @Test func `a reading of a steady sensor costs at most 6 bytes`() {
        var random = Generator(seed: 5)
        var level: Int64 = 45_000
        let rows = (0..<1_000).map { index -> Batch.Row in
            level += 10 * (random.next(below: 41) - 20)
            return .reading(
                sensor: index % 2,
                Reading(
                    takenAt: Instant(ms: 1_700_000_000_000 + Int64(index / 2) * 60_000 + random.next(below: 5)), humidityMpct: Int32(level),
                    temperatureMc: Int32(20_000 + 10 * random.next(below: 20)), boot: 1, boottimeMs: Int64(index / 2) * 60_000))
        }
        let batch = Batch(epoch: Epoch(bits: 1), first: 1, sensors: [sensorName("a"), sensorName("b")], rows: rows)
        #expect(Double(batch.binary().count) / 1_000 < 6)
    }

    @Test(arguments: [1, 7, 5_000, 86_400])
    func `a sensor record with an unsupported grid step is refused`(step: Int) {
        let record = SensorRecord(sensor: sensorName("a"), kind: "x", step: .seconds(step))
        let batch = Batch(epoch: Epoch(bits: 1), first: 1, sensors: [], rows: [.record(.sensor(record))])
        #expect(throws: BatchRefusal.self) { try Batch(binary: batch.binary()) }
    }

    @Test func `a long driver name is truncated and can be read again`() throws {
        let record = SensorRecord(sensor: sensorName("a"), kind: "replay", driver: String(repeating: "ö", count: 200), step: .seconds(600))
        #expect(record.driver.utf8.count == 128)
        #expect(try RecordCoding.record(RecordCoding.bytes(.sensor(record))) == .sensor(record))
    }

    @Test func `a part of a batch keeps its sequences`() throws {
        let batch = randomBatch(seed: 8)
        let part = batch.part((batch.first + 5)...(batch.first + 9))
        #expect(part.rows == Array(batch.rows[5...9]))
        #expect(part.last == batch.first + 9)
        #expect(try Batch(binary: part.binary()) == part)
    }
}

@Suite struct AnswerTests {
    private let answer = BatchAcknowledgement(
        epoch: Epoch(bits: 9), through: 1_201, held: [1_300...1_400, 1_500...1_500], refused: [.init(sequence: 1_250, reason: .future)],
        conflicts: [7, 8], next: .init(delayMs: 250, maxReadings: 5_000, maxBytes: 1 << 20),
        release: ReleaseReference(counter: 3, sha256: [UInt8](repeating: 255, count: 32)))

    @Test func `an answer decodes to the encoded value, and truncation or a flipped bit is refused`() throws {
        let bytes = answer.binary()
        #expect(try BatchAcknowledgement(binary: bytes) == answer)
        for place in bytes.indices {
            #expect((try? BatchAcknowledgement(binary: Array(bytes.prefix(place)))) == nil)
            var damaged = bytes
            damaged[place] ^= 4
            #expect((try? BatchAcknowledgement(binary: damaged)) == nil)
        }
    }

    @Test func `an answer names the settings to fetch, and a report says which ones are in use`() throws {
        var withSettings = answer
        withSettings.settingsSerial = 1_795_957_746
        #expect(try BatchAcknowledgement(binary: withSettings.binary()) == withSettings)
        for settings in [nil, SettingsReport(serial: 0), SettingsReport(serial: 7, problem: "a period of 0 s")] {
            let report = DeviceReport(
                release: nil, backlog: 1, evicted: 2, refused: 3, clock: .synchronised, scores: [], settings: settings)
            #expect(try ReportCoding.report(ReportCoding.bytes(report)[...]) == report)
        }
        #expect(SettingsReport(serial: 7, problem: String(repeating: "x", count: 999)).problem?.utf8.count == SettingsReport.problemLimit)
    }

    @Test(arguments: [Int64.max, -1, 1 << 60])
    func `sequences out of range are refused`(sequence: Int64) {
        var hostile = answer
        hostile.through = sequence
        #expect(throws: MalformedBytes.self) { try BatchAcknowledgement(binary: hostile.binary()) }
        hostile = answer
        hostile.conflicts = [sequence]
        #expect(throws: MalformedBytes.self) { try BatchAcknowledgement(binary: hostile.binary()) }
    }

    @Test func `the JSON answer has the field names of the API contract`() {
        let text = String(decoding: answer.json(), as: UTF8.self)
        #expect(
            text.hasPrefix(
                #"{"epoch":"0000000000000009","through":1201,"held":[[1300,1400],[1500,1500]],"refused":[{"sequence":1250,"reason":"future"}],"conflicts":[7,8],"next":{"after_ms":250,"#
            ))
        #expect(text.contains(#""release":{"counter":3,"sha256":"ffff"#))
    }
}

@Suite struct HeldRangesTests {
    @Test func `neighbouring and overlapping ranges merge, and gaps stay`() {
        var held = HeldRanges([5...9, 1...2])
        #expect(held.through == 2)
        held.insert(3...4)
        #expect(held.ranges == [1...9])
        held.insert(20...30)
        held.insert(12...15)
        #expect(held.ranges == [1...9, 12...15, 20...30])
        #expect(held.missing(in: 1...40) == [10...11, 16...19, 31...40])
        #expect(held.missing(in: 3...8).isEmpty)
        held.insert(8...25)
        #expect(held.ranges == [1...30])
        #expect(HeldRanges([2...3]).through == 0)
    }

    @Test(arguments: 1...50 as ClosedRange<UInt64>)
    func `any order of insertion covers the same sequences`(seed: UInt64) {
        var random = Generator(seed: seed)
        let ranges = (0..<20).map { _ -> ClosedRange<Int64> in
            let low = 1 + random.next(below: 200)
            return low...(low + random.next(below: 12))
        }
        let held = HeldRanges(ranges)
        let covered = Set(ranges.flatMap { Array($0) })
        #expect(Set((1...220).filter { held.contains($0) }) == covered)
        #expect(HeldRanges(ranges.reversed()) == held)
        #expect(Set(held.missing(in: 1...220).flatMap { Array($0) }) == Set(1...220).subtracting(covered))
    }
}
