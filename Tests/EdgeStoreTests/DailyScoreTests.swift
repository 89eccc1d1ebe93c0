@testable import EdgeStore
import Forecasting
import Measures
import Observing
import StoreExamples
import Testing
import Wire

@Suite struct DailyScoreTests {
    private let day: Int64 = 18_519  // since 1970
    private func at(_ day: Int64, hour: Int64 = 0) -> Instant { Instant(ms: day * 86_400_000 + hour * 3_600_000) }

    /// Derived rows of two sensors: hourly observations over three days with forecasts of release 7, compared with release 5.
    private func store() async throws -> ReadingStore {
        let store = try await ReadingStore.example()
        for name in ["air", "roof"] {
            let sensor = try #require(SensorName(name))
            try await store.register(sensor, step: .seconds(3_600))
            var forecaster = AdaptiveForecaster(grid: .hourly, network: nil)
            for hour in 0..<72 as Range<Int64> {
                let observation = Observation(
                    validAt: at(day, hour: hour), humidity: RelativeHumidity(percent: 50 + Double(hour % 7)), temperature: nil)
                forecaster.observe(observation)
                let forecast = forecaster.forecast().map { IssuedForecast(forecast: $0, issuedAt: observation.validAt, releaseCounter: 7) }
                var row = DerivedRow(sensor: sensor, observation: observation, through: 0, forecast: forecast)
                if hour > 0 {
                    row.comparison = ReleaseComparison(
                        release: 7, rival: 5, errors: [PairedError(leadTime: .seconds(3_600), error: 2, rivalError: 1, persistenceError: 3)])
                }
                try await store.append([], derived: [row])
            }
        }
        return store
    }

    @Test func `the scores of complete days are sent once, oldest first, with the comparison`() async throws {
        let store = try await store()
        func unreported(_ now: Instant, limit: Int = 256) async throws -> [DailyScore] {
            try await store.read { try $0.unreportedScores(before: now, limit: limit) }
        }
        #expect(try await unreported(at(day + 1, hour: 2)).isEmpty, "the day's last observations may still be missing")
        let first = try await unreported(at(day + 1, hour: 3))
        #expect(Set(first.map(\.day)) == [day] && Set(first.map(\.sensor.name)) == ["air", "roof"])
        let hour = try #require(first.first { $0.leadTimeSeconds == 3_600 })
        #expect(hour.count == 23 && hour.releaseCounter == 7 && hour.absoluteErrorMpct > 0)
        #expect(hour.comparison == DailyScore.Comparison(rivalCounter: 5, count: 23, errorMpct: 46_000, rivalErrorMpct: 23_000))
        #expect(first.filter { $0.leadTimeSeconds > 3_600 }.allSatisfy { $0.comparison == nil })
        // Until the cloud acknowledges them, the same scores are sent again.
        #expect(try await unreported(at(day + 1, hour: 4)) == first)
        let part = try await unreported(at(day + 1, hour: 4), limit: 3)
        let last = try #require(part.last)
        try await store.write { try $0.markReported(through: last) }
        #expect(try await part + unreported(at(day + 1, hour: 4)) == first)
        let end = try #require(first.last)
        try await store.write { try $0.markReported(through: end) }
        #expect(try await unreported(at(day + 1, hour: 5)).isEmpty)
        // After a long time offline, all days since then are sent.
        #expect(Set(try await unreported(at(day + 9)).map(\.day)) == [day + 1, day + 2])
    }

    @Test func `the comparison of the last days is read by release`() async throws {
        let store = try await store()
        let sums = try await store.read { try $0.comparisons.newest(2, of: 7) }
        #expect(sums.map(\.day) == [day + 1, day + 1, day + 2, day + 2] && sums.allSatisfy { $0.count == 24 && $0.rival == 5 })
        #expect(sums.allSatisfy { $0.error == 48 && $0.rivalError == 24 && $0.persistenceError == 72 })
        #expect(try await store.read { try $0.comparisons.newest(2, of: 8) }.isEmpty)
    }
}
