internal import Measures

/// The forecaster of a device without a release: now, part of the usual day's course, and what is left of today's anomaly.
///
/// Forecast = now + course · (climatology(target) − climatology(origin)) − (1 − anomaly) · (now − climatology(origin)),
/// where climatology is the mean of the last 7 days at that time of day. With course 0 and anomaly 1 it is persistence,
/// with 1 and 0 climatology. With less than four days of history it leans to persistence. Intervals are fixed quantiles of
/// the error over the 7-day standard deviation.
///
/// Both weights and the quantiles were measured on the first 70 % of 17 open series (7 outdoor, 8 indoor, 2 attics), by
/// least squares over the scaled differences, each series with the same weight.
package enum DampedAnomaly {
    package struct Damping: Sendable {
        package let course: Double
        package let anomaly: Double

        func mixed(with other: Damping, _ share: Double) -> Damping {
            Damping(course: course + (other.course - course) * share, anomaly: anomaly + (other.anomaly - anomaly) * share)
        }

        /// The departure from now, where the usual values then and now are departures from now, too.
        func departure(then: Float, now: Float) -> Float { Float(course) * (then - now) + (1 - Float(anomaly)) * now }
    }

    package struct Weights: Sendable {
        package let humidity: Damping
        package let temperature: Damping
        package let quantiles: [Double]
    }

    /// Straight lines between the knots of the table.
    package static func weights(for leadTime: Duration) -> Weights {
        let (low, high, share) = place(of: leadTime)
        return Weights(
            humidity: low.humidity.mixed(with: high.humidity, share), temperature: low.temperature.mixed(with: high.temperature, share),
            quantiles: zip(low.quantiles, high.quantiles).map { $0 + ($1 - $0) * share })
    }

    /// Of humidity alone, without the quantiles.
    package static func damping(for leadTime: Duration) -> Damping {
        let (low, high, share) = place(of: leadTime)
        return low.humidity.mixed(with: high.humidity, share)
    }

    private static func place(of leadTime: Duration) -> (low: BuiltInTable.Knot, high: BuiltInTable.Knot, share: Double) {
        let knots = BuiltInTable.knots
        let hours = Double(leadTime.ms) / 3_600_000
        let upper = max(1, knots.firstIndex { $0.hours >= hours } ?? knots.count - 1)
        let (low, high) = (knots[upper - 1], knots[upper])
        return (low, high, max(0, min(1, (hours - low.hours) / (high.hours - low.hours))))
    }
}
