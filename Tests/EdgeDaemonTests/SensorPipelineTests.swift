@testable import EdgeDaemon
import EdgeStore
import Forecasting
import Measures
import Observing
import Testing

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
            return SensorPipeline(sensor: air, forecaster: forecaster, releaseCounter: 0, through: through)
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
}
