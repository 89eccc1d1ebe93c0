@testable import EdgeStore
import StoreExamples
import Measures
import Observing
import Testing

@Suite struct PendingRowsTests {
    private let air: SensorName
    private let epoch = Epoch(bits: 1)

    init() throws { air = try #require(SensorName("air")) }

    private func reading(_ minute: Int64) -> NewRow {
        .reading(SensorReading(sensor: air, reading: Reading(takenAt: Instant(ms: minute * 60_000), humidityMpct: 45_000)))
    }

    private func hole(_ count: Int64) -> NewRow {
        .record(.hole(Hole(sensor: air, reason: .sensorError, from: Instant(ms: 0), to: Instant(ms: 1), count: count)))
    }

    private func filled(limit: Int, _ rows: [NewRow]) -> PendingRows {
        var pending = PendingRows(limit: limit)
        for (key, row) in rows.enumerated() { pending.add(row, key: Int64(key) + 1, epoch) }
        return pending
    }

    /// The limit is 10 readings: beyond it, the surplus and a tenth of the limit more are discarded, oldest first.
    @Test(
        arguments: [
            ("nothing", 10, [], []),
            ("two in a row", 11, [1...2], [2]),
            ("with a record between them", 11, [1...1, 3...3], [1, 1]),
        ] as [(String, Int, [ClosedRange<Int64>], [Int64])])
    func `beyond the limit the oldest readings are discarded and counted, and records stay`(
        _ name: String, readings: Int, keys: [ClosedRange<Int64>], counts: [Int64]
    ) {
        var rows = (1...readings).map { reading(Int64($0)) }
        if name.contains("record") { rows.insert(hole(1), at: 1) }
        var pending = filled(limit: 10, rows)
        let discarded = pending.discardBeyondLimit()
        #expect(discarded == Int(counts.reduce(0, +)))
        #expect(pending.discarded.map(\.keys) == keys && pending.discarded.map(\.count) == counts)
        #expect(pending.readingCount == readings - discarded && pending.rows.count == rows.count - discarded)
        #expect(pending.discarded.first.map(\.from.ms) == (counts.isEmpty ? nil : 60_000))
    }

    @Test func `readings discarded at different times form one gap`() {
        var pending = filled(limit: 10, (1...11).map { reading($0) })
        _ = pending.discardBeyondLimit()
        for minute in 12...13 as ClosedRange<Int64> { pending.add(reading(minute), key: minute, epoch) }
        _ = pending.discardBeyondLimit()
        #expect(pending.discarded == [.init(keys: 1...4, count: 4, from: Instant(ms: 60_000), to: Instant(ms: 240_000))])
    }

    @Test func `with any number of readings, at most the limit waits and one gap counts the others`() {
        var pending = PendingRows(limit: 1_000)
        for minute in 1...20_000 as ClosedRange<Int64> {
            pending.add(reading(minute), key: minute, epoch)
            _ = pending.discardBeyondLimit()
            #expect(pending.readingCount <= 1_000)
        }
        #expect(pending.rows.count == pending.readingCount)
        #expect(pending.discarded.count == 1 && pending.discarded[0].from.ms == 60_000)
        #expect(pending.discarded[0].count + Int64(pending.readingCount) == 20_000)
    }

    @Test func `new keys keep the order, and derived rows follow their readings`() {
        var pending = filled(limit: 10, (1...12).map { reading($0) })
        _ = pending.discardBeyondLimit()  // keys 1 to 3
        let observation = Observation(validAt: Instant(ms: 600_000), humidity: RelativeHumidity(percent: 50), temperature: nil)
        pending.add(DerivedRow(air, observation, through: 0))  // derived from a committed reading
        pending.add(DerivedRow(air, observation, through: 5))
        var key: Int64 = 100
        pending.renumber(epoch) {
            key += 1
            return key
        }
        #expect(pending.rows.map(\.key) == Array(101...109))
        #expect(pending.derived.map(\.through) == [0, 102])
        #expect(pending.discarded.map(\.keys) == [nil] && pending.discarded.map(\.count) == [3])
    }

    @Test func `beyond the limit, older derived rows lose their forecasts first, and the oldest are discarded next`() {
        var pending = PendingRows(limit: 2_000)
        let observation = Observation(validAt: Instant(ms: 600_000), humidity: RelativeHumidity(percent: 50), temperature: nil)
        for row in 1...2_001 as ClosedRange<Int64> { pending.add(DerivedRow(air, observation, through: row)) }
        #expect(pending.derived.count == 1_801 && pending.derived.first?.through == 201)
    }
}
