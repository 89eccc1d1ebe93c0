package import Measures
package import Observing

/// The forecaster of a device without a release: climatology plus what is left of today's departure from it.
///
/// Forecast = climatology(target) + ρ(lead) · (now − climatology(origin)), where climatology is the mean of the last
/// 7 days at that time of day. With less than two days of history ρ leans to 1, persistence. Intervals are fixed
/// quantiles of the error over the 7-day standard deviation.
///
/// ρ and the quantiles were measured on the first 70 % of 17 open series (7 outdoor, 8 indoor, 2 attics), by least squares
/// over the pooled, scaled departures.
package enum DampedAnomaly {
    /// At each knot: lead time in hours, ρ of humidity, ρ of temperature, and the error's quantiles at the seven levels.
    static let knots: [(hours: Double, humidity: Double, temperature: Double, quantiles: [Double])] = BuiltInTable.knots

    package struct Weights: Sendable {
        package let humidity: Double
        package let temperature: Double
        package let quantiles: [Double]
    }

    package static func weights(for leadTime: Duration) -> Weights {
        let hours = Double(leadTime.ms) / 3_600_000
        guard let upper = knots.firstIndex(where: { $0.hours >= hours }) else { return weights(knots[knots.count - 1], knots[knots.count - 1], 0) }
        guard upper > 0 else { return weights(knots[0], knots[0], 0) }
        let (low, high) = (knots[upper - 1], knots[upper])
        return weights(low, high, (hours - low.hours) / (high.hours - low.hours))
    }

    private typealias Knot = (hours: Double, humidity: Double, temperature: Double, quantiles: [Double])
    private static func weights(_ low: Knot, _ high: Knot, _ share: Double) -> Weights {
        func mix(_ a: Double, _ b: Double) -> Double { a + (b - a) * share }
        return Weights(
            humidity: mix(low.humidity, high.humidity), temperature: mix(low.temperature, high.temperature),
            quantiles: zip(low.quantiles, high.quantiles).map { mix($0, $1) })
    }

    /// - Parameter rho: of this lead time, 0 to 1.
    package static func median(_ summary: Summary, leadBins: Int, rho: Double, historyBins: Int) -> Double {
        // One day of history says little of a usual day: trust it in proportion to what there is of two days.
        let trust = min(1, Double(historyBins) / Double(2 * summary.sameHourMean.count))
        let anomaly = summary.now - summary.climatology(atLead: 0)
        let damped = summary.climatology(atLead: leadBins) + rho * anomaly
        return summary.now + trust * (damped - summary.now)
    }
}
