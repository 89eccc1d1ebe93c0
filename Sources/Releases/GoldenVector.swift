package import Forecasting
internal import Measures
internal import Observing

/// A test vector of a release: a reproducible input, and the forecast of the model on the machine that made the release.
///
/// The input history is generated from a seed with whole-number arithmetic, so that the test covers the whole path, including the network's
/// inputs.
package struct GoldenVector: Sendable, Equatable {
    package let seed: UInt64
    package let stepSeconds: Int
    package let expected: [Float]  // humidity in %: low, median and high for each lead time

    package static let tolerance: Float = 0.001  // %RH
    package static let vectorsPerGrid = 8

    static let grids: [TimeGrid] = [.fine, .hourly]

    /// Eight vectors for every grid.
    package static func vectors(of network: Network) -> [GoldenVector] {
        grids.flatMap { grid in
            (1...UInt64(vectorsPerGrid)).map { seed in
                GoldenVector(seed: seed, stepSeconds: Int(grid.step.wholeSeconds), expected: outputs(of: network, seed: seed, on: grid))
            }
        }
    }

    /// - Returns: a description of the difference, or `nil` if the network's output matches.
    package func mismatch(in network: Network) -> String? {
        guard let grid = GoldenVector.grids.first(where: { Int($0.step.wholeSeconds) == stepSeconds }) else {
            return "no grid of \(stepSeconds) s"
        }
        let outputs = GoldenVector.outputs(of: network, seed: seed, on: grid)
        guard outputs.count == expected.count else { return "\(outputs.count) values, \(expected.count) expected" }
        for (index, (output, wanted)) in zip(outputs, expected).enumerated() {
            guard (output - wanted).magnitude <= GoldenVector.tolerance else {  // also false for NaN
                return "vector \(seed) of the \(stepSeconds) s grid: \(output) % at index \(index), \(wanted) % expected"
            }
        }
        return nil
    }

    private static func outputs(of network: Network, seed: UInt64, on grid: TimeGrid) -> [Float] {
        var forecaster = AdaptiveForecaster(grid: grid, network: network)
        for observation in observations(seed: seed, on: grid) { forecaster.observe(observation) }
        guard let forecast = forecaster.forecast() else { return [] }
        return forecast.leadTimes.indices.flatMap { lead in
            [ForecastShape.lowLevel, ForecastShape.medianLevel, ForecastShape.highLevel].map { Float(forecast.humidity(lead: lead, level: $0)) }
        }
    }

    /// Twelve days of observations, so that the test covers on-device learning: a daily triangle, a slow random walk and noise in milli-percent
    /// and milli-°C, with gaps. Seed 1 has no temperature.
    static func observations(seed: UInt64, on grid: TimeGrid) -> [Observation] {
        var observations: [Observation] = []
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func next(_ range: Int64) -> Int64 {  // -range … range, xorshift64*
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return Int64((state &* 0x2545_F491_4F6C_DD1D) >> 33) % (2 * range + 1) - range
        }
        let perDay = Int64(86_400_000 / grid.step.ms)
        var level = 30_000 + Int64(seed % 60_000) * 7_000 % 60_000
        for bin in 0..<(12 * perDay) {
            level = max(5_000, min(99_000, level + next(300)))
            let phase = bin % perDay
            let triangle = (phase < perDay / 2 ? phase : perDay - phase) * 16_000 / perDay
            guard bin % 97 != 13 else { continue }
            observations.append(
                Observation(
                    validAt: Instant(ms: (bin + 1) * grid.step.ms),
                    humidity: RelativeHumidity(percent: Double(max(0, min(100_000, level - triangle + next(500)))) / 1_000),
                    temperature: seed == 1 ? nil : Temperature(celsius: Double(8_000 + triangle + next(200)) / 1_000)))
        }
        return observations
    }
}
