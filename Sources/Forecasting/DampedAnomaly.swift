internal import Measures

/// The forecaster of a device without a release: the present value, plus part of the usual daily course, minus part of the present anomaly.
///
/// Forecast = now + course · (climatology(target) − climatology(origin)) − (1 − anomaly) · (now − climatology(origin)), where climatology is the
/// mean of the last 7 days at that time of day. Course 0 and anomaly 1 give persistence; course 1 and anomaly 0 give climatology. With less than
/// four days of history the forecast is closer to persistence. The intervals are fixed quantiles of the error divided by the 7-day standard
/// deviation.
///
/// The weights and the quantiles were measured on the first 70 % of 17 open series (7 outdoor, 8 indoor, 2 attics), by least squares on the
/// scaled differences, with equal weight for each series.
package enum DampedAnomaly {
    package struct Weights: Sendable {
        package let humidity: Damping
        package let temperature: Damping
        package let quantiles: [Double]
    }

    /// The weights at a lead time, interpolated linearly between the knots of the table.
    package static func weights(for leadTime: Duration) -> Weights {
        let (low, high, share) = knots(of: leadTime)
        return Weights(
            humidity: low.humidity.mixed(with: high.humidity, share), temperature: low.temperature.mixed(with: high.temperature, share),
            quantiles: zip(low.quantiles, high.quantiles).map { $0 + ($1 - $0) * share })
    }

    /// The weights of humidity only, without the quantiles.
    package static func damping(for leadTime: Duration) -> Damping {
        let (low, high, share) = knots(of: leadTime)
        return low.humidity.mixed(with: high.humidity, share)
    }

    private static func knots(of leadTime: Duration) -> (low: DampedAnomalyTable.Knot, high: DampedAnomalyTable.Knot, share: Double) {
        let knots = DampedAnomalyTable.knots
        let hours = Double(leadTime.ms) / 3_600_000
        let upper = max(1, knots.firstIndex { $0.hours >= hours } ?? knots.count - 1)
        let (low, high) = (knots[upper - 1], knots[upper])
        return (low, high, max(0, min(1, (hours - low.hours) / (high.hours - low.hours))))
    }
}
