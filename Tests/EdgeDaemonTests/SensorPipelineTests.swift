@testable import EdgeDaemon
import EdgeStore
import Examples
import Forecasting
import Measures
import Observing
import Releases
import Testing
import Wire

@Suite struct SensorPipelineTests {
    @Test func `after a restart the pipeline continues with the readings after the last observation, with the same results`() async throws {
        let taken = (1...25).map { Reading(takenAt: Instant(ms: 1_599_998_400_000 + Int64($0) * 60_000), humidityMpct: Int32(40_000 + $0 * 10)) }
        let air = try #require(SensorName("air"))
        func run(_ pipeline: inout SensorPipeline, _ readings: ArraySlice<Reading>) -> [DerivedRow] {
            zip(readings.indices, readings).flatMap { pipeline.add($0.1, key: Int64($0.0), now: Instant(ms: 0)) }
        }
        func pipeline(_ observations: [Observation], through: Int64) -> SensorPipeline {
            var forecaster = AdaptiveForecaster(grid: .fine, network: nil)
            for observation in observations { forecaster.observe(observation) }
            return SensorPipeline(sensor: air, forecaster: forecaster, model: ForecastModel(), through: through)
        }
        var whole = pipeline([], through: -1)
        let unbroken = run(&whole, taken[...])
        var first = pipeline([], through: -1)
        let before = run(&first, taken[..<14])
        let through = try #require(before.last?.through)
        var second = pipeline(before.map(\.observation), through: through)
        let after = run(&second, taken[(Int(through) + 1)...])
        #expect((before + after).map(\.observation) == unbroken.map(\.observation))
        #expect((before + after).map(\.forecast) == unbroken.map(\.forecast))
    }

    @Test func `a network that computes no numbers is noticed, and the forecast stays within 0 to 100 %`() throws {
        var model = ForecastModel()
        (model.counter, model.network) = (9, anyNetwork(size: 3e38))
        var pipeline = SensorPipeline(
            sensor: try #require(SensorName("air")), forecaster: AdaptiveForecaster(grid: .fine, network: model.network), model: model, through: -1)
        #expect(pipeline.faultyRelease == nil)
        var rows: [DerivedRow] = []
        for minute in 0..<60 as Range<Int64> {
            let reading = Reading(takenAt: Instant(ms: 1_600_000_200_000 + minute * 60_000), humidityMpct: Int32(40_000 + minute * 100))
            rows += pipeline.add(reading, key: minute, now: Instant(ms: 0))
        }
        #expect(pipeline.faultyRelease == 9)
        #expect(rows.compactMap(\.forecast).allSatisfy { $0.forecast.humidity.allSatisfy { (0...100).contains($0) } } && !rows.isEmpty)
    }

    @Test func `a release is compared with its rival only for forecasts made while the release is in use`() throws {
        let since = Instant(ms: 1_600_000_200_000)
        var named = NamedRelease(
            name: ReleaseReference(counter: 9, sha256: []),
            release: Release(
                header: ReleaseHeader(
                    counter: 9, modelID: "m", createdAt: since, expiresAt: since,
                    provenance: Provenance(snapshot: "", codeVersion: "", seed: 0, configuration: "", parent: "", backtest: "")),
                network: anyNetwork(seed: 1, size: 0.01)))
        (named.since, named.rival) = (
            since, NamedRelease.Rival(name: ReleaseReference(counter: 7, sha256: []), network: anyNetwork(seed: 2, size: 0.01))
        )
        let model = ForecastModel(named)
        var pipeline = SensorPipeline(
            sensor: try #require(SensorName("air")),
            forecaster: AdaptiveForecaster(grid: .fine, network: model.network, rival: model.rival?.network), model: model, through: -1)
        var rows: [DerivedRow] = []
        for minute in 0..<(3 * 1_440) as Range<Int64> {
            let reading = Reading(takenAt: Instant(ms: since.ms + (minute - 1_440) * 60_000), humidityMpct: Int32(40_000 + minute * minute % 977))
            rows += pipeline.add(reading, key: minute, now: since)
        }
        let compared = rows.compactMap { row in row.comparison.map { (row.observation.validAt, $0) } }
        #expect(compared.allSatisfy { at, comparison in comparison.errors.allSatisfy { at - $0.leadTime >= since } })
        #expect(compared.first?.0 == since + .seconds(3_600), "the first target is one hour after the release came into use")
        #expect(compared.allSatisfy { $0.1.release == 9 && $0.1.rival == 7 })
        #expect(Set(compared.flatMap { $0.1.errors.map(\.leadTime) }) == Set(PairedError.leadTimes))
    }
}
