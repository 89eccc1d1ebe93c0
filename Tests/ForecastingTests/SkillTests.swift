import Examples
@testable import Forecasting
import Evaluation
import Measures
import Observing
import Testing

@Suite struct SkillTests {
    @Test func `skill is the error reduction relative to climatology, and is known after three days and two lead times of scored forecasts`() throws {
        var hourly = SkillTracking(rowsPerDay: 24, overlap: 48)
        for _ in 1...95 { hourly.learn(error: -1, climatologyError: 4) }
        #expect(hourly.skill == nil)
        hourly.learn(error: 1, climatologyError: -4)
        #expect((try #require(hourly.skill) - 0.75).magnitude < 1e-4)
        var fine = SkillTracking(rowsPerDay: 144, overlap: 6)
        for _ in 1..<432 { fine.learn(error: 1, climatologyError: 0.2) }
        #expect(fine.skill == nil)
        fine.learn(error: 1, climatologyError: 0.2)
        #expect(fine.skill == -1)  // the lower limit
    }

    @Test func `without a climatology error there is no skill, and errors of a month ago count half`() throws {
        var tracking = SkillTracking(rowsPerDay: 24, overlap: 1)
        for _ in 1...200 { tracking.learn(error: 0, climatologyError: 0) }
        #expect(tracking.skill == nil)
        tracking = SkillTracking(rowsPerDay: 24, overlap: 1)
        for _ in 1...7_200 { tracking.learn(error: 0, climatologyError: 1) }
        for _ in 1...720 { tracking.learn(error: 1, climatologyError: 1) }
        #expect((try #require(tracking.skill) - 0.5).magnitude < 0.01)
    }

    private static let leadTimes: [Duration] = [1, 3, 6, 12].map { .seconds($0 * 3_600) }

    @Test(
        arguments: [
            ([0.5, 0.3, 0.1, 0.06], SkillHorizon.beyondHorizon),
            ([0.5, 0.3, 0.1, 0.02], .after(.seconds(21_600))),
            ([0.5, -0.1, 0.1, -0.3], .after(.seconds(21_600))),  // a lead time without skill is not the end if a later one has skill
            ([0.04, 0, -1, 0.01], .after(.zero)),
            ([0.5, 0.3, nil, nil], .unknown),  // the skill may continue
            ([0.5, 0.01, nil, nil], .unknown),
            ([nil, nil, 0.2, 0.01], .after(.seconds(21_600))),
            ([nil, nil, nil, nil], .unknown),
        ] as [([Double?], SkillHorizon)])
    func `skill ends after the last lead time that has skill`(skill: [Double?], end: SkillHorizon) {
        #expect(SkillHorizon(leadTimes: SkillTests.leadTimes, skill: skill) == end)
    }

    /// A slow random walk around a mean: skilful at one hour, no better than climatology at five days.
    private static func air(days: Int) -> [Observation] {
        var (state, level) = (UInt64(5), 0.0)
        return (1...(24 * days)).map { hour in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            level = level * 0.95 + Double(Int64(bitPattern: state) >> 33) / 2_147_483_648 * 6
            return Observation(
                validAt: Instant(ms: Int64(hour) * 3_600_000), humidity: RelativeHumidity(percent: min(100, max(0, 55 + level))), temperature: nil)
        }
    }

    @Test func `the expected skill of a forecast matches the measured skill of earlier forecasts`() throws {
        var forecaster = AdaptiveForecaster(grid: .hourly, network: nil)
        var scores: [Duration: Score] = [:]
        var waiting: [Int64: [(QuantileForecast, Int)]] = [:]
        for observation in SkillTests.air(days: 60) {
            for (forecast, lead) in waiting.removeValue(forKey: observation.validAt.ms) ?? [] {
                scores[forecast.leadTimes[lead], default: Score()].add(
                    ForecastLoss(of: forecast, lead: lead, actual: observation.humidity.percent))
            }
            forecaster.observe(observation)
            let forecast = try #require(forecaster.forecast())
            for lead in forecast.leadTimes.indices where ForecastShape.scored.contains(forecast.leadTimes[lead]) {
                waiting[(forecast.origin + forecast.leadTimes[lead]).ms, default: []].append((forecast, lead))
            }
        }
        let last = try #require(forecaster.forecast())
        for leadTime in ForecastShape.scored {
            let score = try #require(scores[leadTime])
            let seen = 1 - score.absoluteError / score.climatologyError
            let lead = try #require(last.leadTimes.firstIndex(of: leadTime))
            let expected = try #require(last.skill[lead])
            // The scores weight all days equally; the expectation weights recent days more.
            #expect((expected - seen).magnitude < 0.08, "\(leadTime): \(expected), seen \(seen)")
        }
        let first = try #require(last.skill[0])
        #expect(first > 0.5)
        #expect(last.skill.allSatisfy { $0 != nil })
    }

    @Test func `skill is known first at the shortest lead times`() throws {
        var forecaster = AdaptiveForecaster(grid: .hourly, network: nil)
        for observation in SkillTests.air(days: 4) { forecaster.observe(observation) }
        let forecast = try #require(forecaster.forecast())
        #expect(forecast.skill[0] != nil && forecast.skill[forecast.skill.count - 1] == nil)
        #expect(forecast.skillHorizon == .unknown)
    }
}
