internal import Measures
internal import Observing

/// Builds the inputs of all lead times from one history.
package struct FeatureVector: Sendable {
    package let humidity: Summary
    package let temperature: Summary?
    private let shared: [Double]  // [features.count]; 0 where a feature depends on the lead time
    private let perLead: [(index: Int, feature: Feature)]
    private let historyBins: Int

    /// - Returns: `nil` without a newest humidity.
    package init?(_ history: borrowing History, features: [Feature]) {
        guard let humidity = Summary(history, .humidity) else { return nil }
        let temperature = Summary(history, .temperature)
        let step = Int(history.grid.step.wholeSeconds)
        var shared = [Double](repeating: 0, count: features.count)
        var perLead: [(index: Int, feature: Feature)] = []
        for (index, feature) in features.enumerated() {
            switch feature {
            case .humidityLag(let seconds):
                shared[index] = FeatureVector.scaled(history.humidity(lag: seconds / step), humidity)
            case .humidityDayMean: shared[index] = FeatureVector.scaled(humidity.dayMean, humidity)
            case .humidityWeekMean: shared[index] = FeatureVector.scaled(humidity.weekMean, humidity)
            case .humiditySameHourNow: shared[index] = FeatureVector.scaled(humidity.sameHourMean[0], humidity)
            case .temperatureLag(let seconds):
                if let temperature { shared[index] = FeatureVector.scaled(history.temperature(lag: seconds / step), temperature) }
            case .temperatureWeekMean: if let temperature { shared[index] = FeatureVector.scaled(temperature.weekMean, temperature) }
            case .room: shared[index] = min(4, (100 - humidity.now) / humidity.deviation)
            case .bias: shared[index] = 1
            case .humiditySameHour, .humiditySameHourMean, .temperatureSameHourMean: perLead.append((index, feature))
            }
        }
        (self.humidity, self.temperature, self.shared, self.perLead) = (humidity, temperature, shared, perLead)
        historyBins = history.length
    }

    /// What the damped anomaly expects of the target, as a departure from now in deviations. The ridge learns only what is
    /// left over: with few data, or where nothing is to be learnt, its penalty leads back here.
    package func baseline(leadBins: Int, damping: DampedAnomaly.Damping) -> Double {
        (DampedAnomaly.median(humidity, leadBins: leadBins, damping: damping, historyBins: historyBins) - humidity.now) / humidity.deviation
    }

    /// Writes the inputs for a target `leadBins` bins after the origin.
    package func fill(_ inputs: inout [Double], leadBins: Int, from history: borrowing History) {
        inputs.replaceSubrange(0..<shared.count, with: shared)
        let perDay = humidity.sameHourMean.count
        for (index, feature) in perLead {
            switch feature {
            case .humiditySameHour(let day):
                let latest = (leadBins + perDay - 1) / perDay * perDay - leadBins
                inputs[index] = FeatureVector.scaled(history.humidity(lag: latest + day * perDay), humidity)
            case .humiditySameHourMean: inputs[index] = FeatureVector.scaled(humidity.climatology(atLead: leadBins), humidity)
            default:
                if let temperature { inputs[index] = FeatureVector.scaled(temperature.climatology(atLead: leadBins), temperature) }
            }
        }
    }

    private static func scaled(_ value: Double, _ summary: Summary) -> Double {
        let difference = (value - summary.now) / summary.deviation
        return difference == difference ? max(-8, min(8, difference)) : 0
    }
}
