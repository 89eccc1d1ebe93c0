internal import Measures
package import Observing

/// Fits one ridge per lead time over many series, and the interval table of its errors.
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

    static let penalties: [Double] = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1]

    package let grid: TimeGrid
    package let leadTimes: [Duration]
    package let features: [Feature]
    private var fitted: [NormalEquations]  // a lead time each
    private var chosen: [NormalEquations]
    private var errors: [ErrorHistogram]
    private var weights: [[Double]] = []

    package init(grid: TimeGrid) {
        self.grid = grid
        leadTimes = ForecastShape.leadTimes(on: grid)
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

    /// Between the passes: the penalty with the least error on the second part, then the weights from both parts.
    /// - Returns: false where there is too little to learn from.
    package mutating func solve() -> Bool {
        weights = []
        for lead in leadTimes.indices {
            guard fitted[lead].count >= 4 * Double(features.count), chosen[lead].count >= 20 else { return false }
            var best: (error: Double, penalty: Double)?
            for penalty in RidgeTraining.penalties {
                guard let candidate = fitted[lead].weights(penalty: penalty) else { continue }
                let error = chosen[lead].meanSquaredError(candidate)
                if error < best?.error ?? .infinity { best = (error, penalty) }
            }
            var all = fitted[lead]
            all += chosen[lead]
            guard let best, let solved = all.weights(penalty: best.penalty) else { return false }
            weights.append(solved)
        }
        return true
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
        for histogram in errors {
            guard let row = histogram.quantiles(ForecastShape.levels) else { return nil }
            quantiles += row.map { Float($0) }
        }
        return StepModel(
            grid: grid, leadTimes: leadTimes, features: features, coefficients: weights.flatMap { $0.map { Float($0) } },
            quantiles: quantiles)
    }

    /// Calls for every origin and lead time whose target lies in the part; the origin may lie before it.
    private mutating func visit(
        _ series: GriddedSeries, _ part: Part, _ body: (inout RidgeTraining, _ lead: Int, _ inputs: [Double], _ target: Double) -> Void
    ) {
        let bins = part.bins(of: series)
        let reach = Int(ForecastShape.horizon.ms / grid.step.ms)
        var history = History(grid: grid)
        var inputs = [Double](repeating: 0, count: features.count)
        for observation in series.observations {
            let bin = series.bin(of: observation.validAt)
            guard bin < bins.upperBound else { return }
            history.append(observation)
            guard bin + reach >= bins.lowerBound, Forecaster.isWarm(history), let vector = FeatureVector(history, features: features) else { continue }
            for lead in leadTimes.indices {
                let leadBins = Int(leadTimes[lead].ms / grid.step.ms)
                guard bin + leadBins < bins.upperBound else { break }
                guard bin + leadBins >= bins.lowerBound else { continue }
                let actual = series.humidity(bin: bin + leadBins)
                guard actual == actual else { continue }
                vector.fill(&inputs, leadBins: leadBins, from: history)
                body(&self, lead, inputs, (actual - vector.humidity.now) / vector.humidity.deviation)
            }
        }
    }
}
