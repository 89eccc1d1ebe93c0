package import Measures
package import Observing

/// A ridge fitted to one series alone, as it goes: at each origin from all targets known by then, refitted daily.
///
/// Its intervals are quantiles of its own past errors, each made before its target was known. Until two weeks of
/// targets are known it forecasts as a device without a release.
package struct LocalRidge: Sendable {
    private static let strength = 30.0  // see RidgeTraining: one setting for all series and lead times
    private static let daysBeforeUse = 14

    private var history: History
    private let leadTimes: [Duration]
    private let features: [Feature]
    private var equations: [NormalEquations]
    private var weights: [[Double]?]
    private var errors: [ErrorHistogram]
    private var pending: [Pending]  // a lead time each
    private var observed = 0

    /// Inputs and forecasts that wait for their targets, in a ring as long as the lead time.
    private struct Pending {
        let bins: Int
        var entries: [Int: (inputs: [Double], predicted: Double?, base: Double, deviation: Double)] = [:]  // by bin of the target
    }

    package init(grid: TimeGrid, leadTimes: [Duration]) {
        history = History(grid: grid)
        self.leadTimes = leadTimes
        features = Feature.contract(stepSeconds: Int(grid.step.wholeSeconds))
        equations = Array(repeating: NormalEquations(width: features.count), count: leadTimes.count)
        weights = Array(repeating: nil, count: leadTimes.count)
        errors = Array(repeating: ErrorHistogram(), count: leadTimes.count)
        pending = leadTimes.map { Pending(bins: Int($0.ms / grid.step.ms)) }
    }

    package mutating func observe(_ observation: Observation) {
        guard history.append(observation) else { return }
        let bin = Int(observation.validAt.ms / history.grid.step.ms)
        observed += 1
        for lead in leadTimes.indices {
            guard let due = pending[lead].entries.removeValue(forKey: bin) else { continue }
            let target = (observation.humidity.percent - due.base) / due.deviation
            equations[lead].add(due.inputs, target: target)
            if let predicted = due.predicted { errors[lead].add(target - predicted) }
        }
        if observed % history.binsPerDay == 0 {
            for lead in leadTimes.indices { refit(lead) }
        }
        guard Forecaster.isWarm(history), let vector = FeatureVector(history, features: features) else { return }
        var inputs = [Double](repeating: 0, count: features.count)
        for lead in leadTimes.indices {
            vector.fill(&inputs, leadBins: pending[lead].bins, from: history)
            pending[lead].entries[bin + pending[lead].bins] =
                (inputs, predicted(lead, inputs), base(lead, vector), vector.humidity.deviation)
            if observed % history.binsPerDay == 0 { pending[lead].entries = pending[lead].entries.filter { $0.key > bin } }
        }
    }

    private mutating func refit(_ lead: Int) {
        guard equations[lead].count >= Double(LocalRidge.daysBeforeUse * history.binsPerDay) else { return }
        weights[lead] = equations[lead].weights(penalty: LocalRidge.strength * Double(pending[lead].bins) / equations[lead].count)
    }

    /// What the damped anomaly expects, in %.
    private func base(_ lead: Int, _ vector: FeatureVector) -> Double {
        let damping = DampedAnomaly.damping(for: leadTimes[lead])
        return vector.humidity.now + vector.humidity.deviation * vector.baseline(leadBins: pending[lead].bins, damping: damping)
    }

    private func predicted(_ lead: Int, _ inputs: [Double]) -> Double? {
        weights[lead].map { weights in
            var sum = 0.0
            for index in inputs.indices { sum += weights[index] * inputs[index] }
            return sum
        }
    }

    /// From the newest observation. `nil` when nothing has been observed.
    package func forecast() -> QuantileForecast? {
        let usual = Forecaster.dampedAnomaly(history)
        guard let usual, Forecaster.isWarm(history), let vector = FeatureVector(history, features: features) else { return usual }
        var inputs = [Double](repeating: 0, count: features.count)
        var humidity: [Double] = []
        var climatology: [Double] = []
        for (lead, leadTime) in leadTimes.enumerated() {
            vector.fill(&inputs, leadBins: pending[lead].bins, from: history)
            climatology.append(vector.humidity.climatology(atLead: pending[lead].bins))
            if let correction = predicted(lead, inputs), let quantiles = errors[lead].calibrated(leadTime: leadTime, leadBins: pending[lead].bins) {
                let base = base(lead, vector)
                humidity += quantiles.map { min(100, max(0, base + vector.humidity.deviation * (correction + $0))) }
            } else if let place = usual.leadTimes.firstIndex(of: leadTime) {
                humidity += ForecastShape.levels.indices.map { usual.humidity(lead: place, level: $0) }
            } else {
                return usual
            }
        }
        return QuantileForecast(
            origin: usual.origin, leadTimes: leadTimes, humidity: humidity, temperature: nil, climatology: climatology, now: usual.now,
            method: .ridge)
    }
}
