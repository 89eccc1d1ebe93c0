internal import Measures
internal import Observing

/// Makes a forecast from a history: by the ridge of a model where it serves the grid and two days are known, else by the
/// damped anomaly.
package enum Forecaster {
    /// How much must be known before a ridge is trusted: 48 h, three quarters of them observed.
    package static func isWarm(_ history: borrowing History) -> Bool {
        let twoDays = 2 * history.binsPerDay
        guard history.length >= twoDays else { return false }
        var observed = 0
        for lag in 0..<twoDays where !history.humidity(lag: lag).isNaN { observed += 1 }
        return observed * 4 >= twoDays * 3
    }

    /// - Returns: `nil` when nothing has been observed.
    package static func forecast(_ history: borrowing History, model: ForecastModel?) -> QuantileForecast? {
        if let step = model?.step(for: history.grid), isWarm(history) { return ridge(history, step) }
        return dampedAnomaly(history)
    }

    static func ridge(_ history: borrowing History, _ model: StepModel) -> QuantileForecast? {
        guard let vector = FeatureVector(history, features: model.features) else { return nil }
        var inputs = [Double](repeating: 0, count: model.features.count)
        return assemble(history, vector.humidity, vector.temperature, leadTimes: model.leadTimes, method: .ridge) { lead, leadBins, values in
            vector.fill(&inputs, leadBins: leadBins, from: history)
            let departure =
                vector.baseline(leadBins: leadBins, damping: DampedAnomaly.damping(for: model.leadTimes[lead])) + model.correction(lead: lead, inputs)
            for level in values.indices {
                let offset = Double(model.quantiles[lead * values.count + level])
                values[level] = vector.humidity.now + vector.humidity.deviation * (departure + offset)
            }
        }
    }

    static func dampedAnomaly(_ history: borrowing History) -> QuantileForecast? {
        guard let humidity = Summary(history, .humidity) else { return nil }
        let leadTimes = ForecastShape.leadTimes(on: history.grid)
        let length = history.length
        // A short history hides how much the air can move: until two days are known the spread is at least a usual one's.
        let usual = length < 2 * history.binsPerDay ? max(humidity.deviation, 4) : humidity.deviation
        return assemble(history, humidity, Summary(history, .temperature), leadTimes: leadTimes, method: .dampedAnomaly) { lead, leadBins, values in
            let weights = DampedAnomaly.weights(for: leadTimes[lead])
            let median = DampedAnomaly.median(humidity, leadBins: leadBins, damping: weights.humidity, historyBins: length)
            for level in values.indices { values[level] = median + usual * weights.quantiles[level] }
        }
    }

    private static func assemble(
        _ history: borrowing History, _ humidity: Summary, _ temperature: Summary?, leadTimes: [Duration],
        method: QuantileForecast.Method, quantiles: (_ lead: Int, _ leadBins: Int, _ values: inout [Double]) -> Void
    ) -> QuantileForecast? {
        guard let origin = history.origin else { return nil }
        let levels = ForecastShape.levels.count
        var result: [Double] = []
        result.reserveCapacity(leadTimes.count * levels)
        var temperatures: [Double] = []
        var climatology: [Double] = []
        var values = [Double](repeating: 0, count: levels)
        for (lead, leadTime) in leadTimes.enumerated() {
            let leadBins = Int(leadTime.ms / history.grid.step.ms)
            quantiles(lead, leadBins, &values)
            var least = 0.0
            for value in values {  // within what air can have, and never crossing
                least = max(least, min(100, value))
                result.append(least)
            }
            climatology.append(humidity.climatology(atLead: leadBins))
            if let temperature {
                let damping = DampedAnomaly.weights(for: leadTime).temperature
                temperatures.append(DampedAnomaly.median(temperature, leadBins: leadBins, damping: damping, historyBins: history.length))
            }
        }
        return QuantileForecast(
            origin: origin, leadTimes: leadTimes, humidity: result, temperature: temperature == nil ? nil : temperatures,
            climatology: climatology, now: RelativeHumidity(percent: humidity.now), method: method)
    }
}
