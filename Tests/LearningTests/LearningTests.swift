import Forecasting
@testable import Learning
import Measures
import Observing
import Randomness
import Testing

private func observations(days: Int, seed: UInt64) -> [Observation] {
    var random = RandomNumbers(9, seed)
    var level = 0.0
    return (1...(24 * days)).map { hour in
        level = level * 0.97 + Double(random.unitFloat()) * 4 - 2
        let phase = Double(hour % 24)
        let wave = 10 * (phase < 12 ? phase / 6 - 1 : 3 - phase / 6)
        return Observation(
            validAt: Instant(ms: Int64(hour) * 3_600_000), humidity: RelativeHumidity(percent: min(100, max(0, 55 + level + wave))),
            temperature: Temperature(celsius: 15 - wave / 3))
    }
}

private func series(days: Int, seed: UInt64) throws -> GriddedSeries {
    try #require(GriddedSeries(name: "s\(seed)", grid: .hourly, observations: observations(days: days, seed: seed)))
}

private func rows(days: Int = 40, count: UInt64 = 2, perSeries: Int = 9_000) throws -> TrainingRows {
    var rows = TrainingRows()
    for number in 0..<count {
        let one = try series(days: days, seed: number + 1)
        rows.add(one, in: 0..<one.bins, number: Int(number), sampling: TrainingRows.Sampling(rowsPerSeries: perSeries))
    }
    return rows
}

private let small: NetworkTraining.Settings = {
    var settings = NetworkTraining.Settings()
    settings.shape = Network.Shape(first: 16, second: 16)
    settings.epochs = 3
    settings.batch = 128
    return settings
}()

@Suite struct TrainingRowsTests {
    @Test func `targets are later values minus the value at the origin, and no target lies after the training part`() throws {
        let one = try series(days: 60, seed: 3)
        var rows = TrainingRows()
        let part = 0..<(40 * 24)
        rows.add(one, in: part, number: 0, sampling: TrainingRows.Sampling(youngShare: 0))
        #expect(rows.count == 37 * 24 + 1)  // rows start on the third day
        let knots = Network.Shape.knots
        let first = (0..<rows.count).filter { !rows.targets[$0 * knots + 2].isNaN }.count
        let last = (0..<rows.count).filter { !rows.targets[$0 * knots + knots - 1].isNaN }.count
        #expect(first == rows.count - 1 && last == rows.count - 120)
        #expect((0..<rows.count).allSatisfy { rows.targets[$0 * knots].isNaN })  // ten minutes ahead: an hourly series has no such value
    }

    @Test func `a long series gives a limited sample of rows, plus rows with a short history`() throws {
        let one = try series(days: 400, seed: 4)
        var rows = TrainingRows()
        rows.add(one, in: 0..<one.bins, number: 0, sampling: TrainingRows.Sampling(rowsPerSeries: 1_000, youngShare: 0))
        #expect((900...1_200).contains(rows.count))
        var young = TrainingRows()
        young.add(one, in: 0..<one.bins, number: 0, sampling: TrainingRows.Sampling(rowsPerSeries: 1_000, youngShare: 0.5))
        #expect((rows.count + 200...rows.count + 600).contains(young.count))
    }
}

@Suite struct BackpropagationTests {
    @Test(arguments: [1, 2, 3] as [UInt64]) func `the gradient equals the slope of the loss`(seed: UInt64) throws {
        let rows = try rows(days: 12)
        let shape = small.shape
        var random = RandomNumbers(seed)
        var parameters = (0..<shape.blocks).map { _ in
            var block = SIMD16<Float>()
            for lane in 0..<16 { block[lane] = (random.unitFloat() - 0.5) / 4 }
            return block
        }
        func backpropagation(_ parameters: [SIMD16<Float>]) -> Backpropagation {
            var share = Backpropagation(shape)
            var chance = RandomNumbers(seed, 5)
            for row in 0..<16 { share.add(rows, row * 7, parameters, scale: 1, dropped: 0.2, &chance) }
            return share
        }
        let gradient = backpropagation(parameters).gradient
        // Tests some parameters of every part. The loss has kinks, so a few may differ.
        let starts = [
            0, shape.firstBias, shape.secondWeights, shape.secondBias, shape.outputWeights, shape.outputBias, shape.linearShared, shape.linearLead,
            shape.blocks,
        ]
        for (low, high) in zip(starts, starts.dropFirst()) {
            var good = 0
            for _ in 0..<40 {
                let (block, lane) = (low + random.index(below: high - low), random.index(below: 16))
                let before = parameters[block][lane]
                parameters[block][lane] = before + 3e-4
                let above = backpropagation(parameters).loss
                parameters[block][lane] = before - 3e-4
                let below = backpropagation(parameters).loss
                parameters[block][lane] = before
                let (slope, said) = ((above - below) / 6e-4, Double(gradient[block][lane]))
                if (slope - said).magnitude <= 0.03 * max(1, slope.magnitude) { good += 1 }
            }
            #expect(good >= 36, "part from block \(low): \(good) of 40")
        }
    }
}

@Suite struct NetworkTrainingTests {
    @Test func `the same rows and settings give bit-identical weights, and another seed gives other weights`() throws {
        let rows = try rows()
        let first = try #require(try NetworkTraining(rows, small).run())
        #expect(try NetworkTraining(rows, small).run() == first)
        var other = small
        other.seed = 2
        #expect(try NetworkTraining(rows, other).run() != first)
    }

    @Test func `training without rows gives no network`() throws { #expect(try NetworkTraining(TrainingRows(), small).run() == nil) }

    @Test func `training lowers the loss, and the network beats the damped anomaly on unseen air`() throws {
        let rows = try rows(days: 120, count: 4)
        var settings = small
        settings.epochs = 8
        var losses: [Double] = []
        let network = try #require(try NetworkTraining(rows, settings).run { losses.append($1) })
        #expect(losses.count == 8 && losses[7] < 0.9 * losses[0])
        var (new, old) = (0.0, 0.0)
        var forecasters = [AdaptiveForecaster(grid: .hourly, network: network), AdaptiveForecaster(grid: .hourly, network: nil)]
        let unseen = observations(days: 30, seed: 77)
        for (index, observation) in unseen.enumerated() {
            for place in forecasters.indices { forecasters[place].observe(observation) }
            guard index > 240, index + 24 < unseen.count else { continue }
            for leadTime in [1, 3, 6, 12, 24] {
                let actual = unseen[index + leadTime].humidity.percent
                let errors = forecasters.map { forecaster -> Double in
                    guard let forecast = forecaster.forecast(), let lead = forecast.leadTimes.firstIndex(of: .seconds(leadTime * 3_600)) else {
                        return .nan
                    }
                    return (forecast.median(lead: lead) - actual).magnitude
                }
                new += errors[0]
                old += errors[1]
            }
        }
        #expect(new < 0.98 * old, "network \(new), damped anomaly \(old)")
    }
}
