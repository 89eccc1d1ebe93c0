package import Forecasting
internal import Measures
internal import Observing

/// An input every machine can make for itself, and what the model forecast from it where it was made.
///
/// The history comes from a seed by whole-number arithmetic alone; so the whole path is tested, features included.
package struct GoldenVector: Sendable, Equatable {
    package let seed: UInt64
    package let stepSeconds: Int
    package let expected: [Float]  // per lead time the low, median and high humidity in %

    package static let tolerance: Float = 0.001  // %RH
    package static let perStep = 8

    /// Eight vectors for every step the model serves.
    package static func vectors(of model: ForecastModel) -> [GoldenVector] {
        model.steps.flatMap { step in
            (1...UInt64(perStep)).map { seed in
                GoldenVector(seed: seed, stepSeconds: Int(step.grid.step.wholeSeconds), expected: outputs(of: model, seed: seed, on: step.grid))
            }
        }
    }

    /// - Returns: what is wrong, or `nil` when the model computes what it should.
    package func fault(in model: ForecastModel) -> String? {
        guard let step = model.steps.first(where: { Int($0.grid.step.wholeSeconds) == stepSeconds }) else {
            return "no model for a grid of \(stepSeconds) s"
        }
        let outputs = GoldenVector.outputs(of: model, seed: seed, on: step.grid)
        guard outputs.count == expected.count else { return "\(outputs.count) values, \(expected.count) expected" }
        for (place, (output, wanted)) in zip(outputs, expected).enumerated() {
            guard (output - wanted).magnitude <= GoldenVector.tolerance else {  // also refuses NaN
                return "vector \(seed) of the \(stepSeconds) s grid: \(output) % at place \(place), \(wanted) % expected"
            }
        }
        return nil
    }

    private static func outputs(of model: ForecastModel, seed: UInt64, on grid: TimeGrid) -> [Float] {
        guard let forecast = Forecaster.forecast(history(seed: seed, on: grid), model: model) else { return [] }
        return forecast.leadTimes.indices.flatMap { lead in
            [ForecastShape.lowLevel, ForecastShape.medianLevel, ForecastShape.highLevel].map { Float(forecast.humidity(lead: lead, level: $0)) }
        }
    }

    /// Eight days: a daily triangle, a slow walk and noise in milli-percent and milli-°C, with a gap; seed 1 has no temperature.
    static func history(seed: UInt64, on grid: TimeGrid) -> History {
        var history = History(grid: grid)
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func next(_ range: Int64) -> Int64 {  // -range … range, xorshift64*
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return Int64((state &* 0x2545_F491_4F6C_DD1D) >> 33) % (2 * range + 1) - range
        }
        let perDay = Int64(86_400_000 / grid.step.ms)
        var level = 30_000 + Int64(seed) * 7_000 % 60_000
        for bin in 0..<(Int64(History.days) * perDay) {
            level = max(5_000, min(99_000, level + next(300)))
            let phase = bin % perDay
            let triangle = (phase < perDay / 2 ? phase : perDay - phase) * 16_000 / perDay
            guard bin % 97 != 13 else { continue }
            history.append(
                Observation(
                    validAt: Instant(ms: (bin + 1) * grid.step.ms),
                    humidity: RelativeHumidity(percent: Double(max(0, min(100_000, level - triangle + next(500)))) / 1_000),
                    temperature: seed == 1 ? nil : Temperature(celsius: Double(8_000 + triangle + next(200)) / 1_000)))
        }
        return history
    }
}
