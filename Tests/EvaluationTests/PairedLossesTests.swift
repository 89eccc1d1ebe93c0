import Evaluation
import Forecasting
import Measures
import Observing
import Testing

private let perDay = 144

/// A damp cellar or a garden: a daily wave, lowest at `driestHour`, and a slow change.
private func series(days: Int, range: Double = 20, driestHour: Int = 13, from first: Int = 0) throws -> GriddedSeries {
    let observations = (first..<(days * perDay)).map { bin -> Observation in
        let hour = Double(bin % perDay) / 6
        let distance = min((hour - Double(driestHour)).magnitude, 24 - (hour - Double(driestHour)).magnitude)  // from the driest hour, 0 to 12
        let slow = 5 * Double((bin / perDay) % 11) / 11
        return Observation(
            validAt: Instant(ms: 1_700_000_400_000 - 1_700_000_400_000 % 86_400_000 + Int64(bin) * 600_000),
            humidity: RelativeHumidity(percent: 60 + slow + range * (distance / 12 - 0.5)), temperature: nil)
    }
    return try #require(GriddedSeries(name: "s", grid: .fine, observations: observations))
}

@Suite struct PairedLossesTests {
    @Test(arguments: [(10, 5), (50, 25), (100, 30), (300, 45), (1_000, 60)])
    func `the evaluation window is 15 % of the series, 30 to 60 days, at most half`(days: Int, expected: Int) throws {
        let series = try series(days: days)
        let window = EvaluationWindow(of: series)
        #expect(window.bins.count == expected * perDay)
        #expect(window.trainingBins.upperBound == window.bins.lowerBound)
        #expect(series.bin(of: window.startAt) == window.bins.lowerBound)
    }

    @Test func `observations before the memory of the forecasters do not change the losses`() throws {
        let long = try series(days: 200)
        let remembered = EvaluationWindow(of: long).startAt - AdaptiveForecaster.memory
        let first = try #require(long.observations.firstIndex { $0.validAt > remembered })
        let short = try series(days: 200, from: first / 6 * 6)
        let (whole, part) = try (losses(long), losses(short))
        #expect(!whole.isEmpty && whole == part)
    }

    private func losses(_ series: GriddedSeries) throws -> [PairedLoss] {
        let shape = Network.Shape(first: 16, second: 16)
        let network = Network(shape: shape, parameters: Array(repeating: .zero, count: shape.blocks))
        return try PairedLosses(replaying: series, candidate: network, champion: nil).losses
    }

    @Test func `every loss has its lead time, its block and a target within the window`() throws {
        let found = try losses(series(days: 60))
        #expect(Set(found.map(\.lead)) == Set(0..<7))
        #expect(Set(found.map(\.block)).count >= 6)
        // 30 days of hourly targets at 7 lead times.
        #expect(found.count > 30 * 24 * 7 - 50 && found.count <= 30 * 24 * 7)
    }

    @Test func `a series belongs to a stratum by its daily range, and the driest half of the day is the day`() throws {
        let garden = try series(days: 20, range: 40, driestHour: 3)
        let strata = SeriesStrata(garden.observations[...])
        let midnight = garden.start
        #expect(strata.strata(ofTarget: midnight + .seconds(3 * 3_600), humidity: 50) == [Strata(.outdoorLike), Strata(.day)])
        #expect(strata.strata(ofTarget: midnight + .seconds(15 * 3_600), humidity: 91) == [Strata(.outdoorLike), Strata(.night), Strata(.damp)])
        let indoor = try series(days: 20, range: 4)
        #expect(SeriesStrata(indoor.observations[...]).strata(ofTarget: midnight, humidity: 50).contains(.indoorLike))
    }
}
