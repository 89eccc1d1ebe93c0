internal import Measures
package import Observing

/// Fits one ridge per lead time over many series to what the damped anomaly leaves, and the interval table of its errors.
///
/// Each series is cut in time: the first 60 % fit, the next 15 % choose the penalty, the next 10 % fill the interval
/// table, and the last 15 % are kept for the comparison with the champion. Only sums and histograms are kept, so memory
/// does not grow with the fleet.
package struct RidgeTraining: Sendable {
    package enum Part: Sendable {
        case fit, choose, calibrate, compare

        package func bins(of series: GriddedSeries) -> Range<Int> {
            func at(_ share: Int) -> Int { series.bins * share / 100 }
            return switch self {
            case .fit: 0..<at(60)
            case .choose: at(60)..<at(75)
            case .calibrate: at(75)..<at(85)
            case .compare: at(85)..<series.bins
            }
        }
    }

    static let strengths: [Double] = [1, 3, 10, 30, 100, 300, 1_000, 10_000]

    package let grid: TimeGrid
    package let leadTimes: [Duration]
    package let features: [Feature]
    private let dampings: [DampedAnomaly.Damping]  // a lead time each, as all that follow
    private var fitted: [NormalEquations]
    private var chosen: [NormalEquations]
    private var errors: [ErrorHistogram]
    private var weights: [[Double]] = []

    package init(grid: TimeGrid) {
        self.grid = grid
        leadTimes = ForecastShape.leadTimes(on: grid)
        dampings = leadTimes.map { DampedAnomaly.damping(for: $0) }
        features = Feature.contract(stepSeconds: Int(grid.step.wholeSeconds))
        fitted = Array(repeating: NormalEquations(width: features.count), count: leadTimes.count)
        chosen = fitted
        errors = Array(repeating: ErrorHistogram(), count: leadTimes.count)
    }

    /// First pass, every series once.
    package mutating func fit(_ series: GriddedSeries) {
        visit(series, .fit) { fitted, lead, inputs, target in fitted.fitted[lead].add(inputs, target: target) }
        visit(series, .choose) { fitted, lead, inputs, target in fitted.chosen[lead].add(inputs, target: target) }
    }

    /// Between the passes: the strength with the least error on the second part, then the weights from both parts.
    /// - Returns: false where there is too little to learn from.
    package mutating func solve() -> Bool {
        guard leadTimes.indices.allSatisfy({ fitted[$0].count >= 4 * Double(features.count) && chosen[$0].count >= 20 }) else { return false }
        var best: (gain: Double, strength: Double)?
        for strength in RidgeTraining.strengths {
            guard let gain = gain(strength) else { continue }
            if gain > best?.gain ?? -.infinity { best = (gain, strength) }
        }
        guard let best else { return false }
        weights = []
        for lead in leadTimes.indices {
            var all = fitted[lead]
            all += chosen[lead]
            guard let solved = all.weights(penalty: penalty(best.strength, lead, rows: all.count)) else { return false }
            weights.append(solved)
        }
        return true
    }

    /// By how much less the second part's squared error is than the damped anomaly's, as a share, mean over the lead times.
    private func gain(_ strength: Double) -> Double? {
        let none = [Double](repeating: 0, count: features.count)
        var sum = 0.0
        for lead in leadTimes.indices {
            guard let weights = fitted[lead].weights(penalty: penalty(strength, lead, rows: fitted[lead].count)) else { return nil }
            let without = chosen[lead].meanSquaredError(none)
            if without > 0 { sum += 1 - chosen[lead].meanSquaredError(weights) / without }
        }
        return sum / Double(leadTimes.count)
    }

    /// Errors of forecasts whose spans overlap are alike: at a lead time of n bins a row is worth about one in n. So the
    /// penalty of a row grows with the lead time and shrinks with the rows.
    private func penalty(_ strength: Double, _ lead: Int, rows: Double) -> Double {
        strength * Double(leadTimes[lead].ms / grid.step.ms) / rows
    }

    /// Second pass, every series once, after `solve`.
    package mutating func calibrate(_ series: GriddedSeries) {
        visit(series, .calibrate) { training, lead, inputs, target in
            var predicted = 0.0
            for index in inputs.indices { predicted += Double(Float(training.weights[lead][index])) * inputs[index] }
            training.errors[lead].add(target - predicted)
        }
    }

    /// - Returns: `nil` where a lead time has too few errors for its interval.
    package func model() -> StepModel? {
        var quantiles: [Float] = []
        for (histogram, leadTime) in zip(errors, leadTimes) {
            guard let row = histogram.calibrated(leadTime: leadTime, leadBins: Int(leadTime.ms / grid.step.ms)) else { return nil }
            quantiles += row.map { Float($0) }
        }
        return StepModel(
            grid: grid, leadTimes: leadTimes, features: features, coefficients: weights.flatMap { $0.map { Float($0) } },
            quantiles: quantiles)
    }

    /// Calls for every origin and lead time whose target lies in the part, with what the damped anomaly leaves of it; the
    /// origin may lie before the part.
    private mutating func visit(
        _ series: GriddedSeries, _ part: Part, _ body: (inout RidgeTraining, _ lead: Int, _ inputs: [Double], _ left: Double) -> Void
    ) {
        let bins = part.bins(of: series)
        let reach = Int(ForecastShape.horizon.ms / grid.step.ms)
        var history = History(grid: grid)
        var inputs = [Double](repeating: 0, count: features.count)
        for observation in series.observations {
            let bin = series.bin(of: observation.validAt)
            guard bin < bins.upperBound else { return }
            history.append(observation)
            guard bin + reach >= bins.lowerBound, Forecaster.isWarm(history), let vector = FeatureVector(history, features: features) else {
                continue
            }
            for lead in leadTimes.indices {
                let leadBins = Int(leadTimes[lead].ms / grid.step.ms)
                guard bin + leadBins < bins.upperBound else { break }
                guard bin + leadBins >= bins.lowerBound else { continue }
                let actual = series.humidity(bin: bin + leadBins)
                guard actual == actual else { continue }
                vector.fill(&inputs, leadBins: leadBins, from: history)
                let departure = (actual - vector.humidity.now) / vector.humidity.deviation
                body(&self, lead, inputs, departure - vector.baseline(leadBins: leadBins, damping: dampings[lead]))
            }
        }
    }
}
