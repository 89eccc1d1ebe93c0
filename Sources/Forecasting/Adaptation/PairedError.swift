/// The errors of the forecaster's network and of its rival for the same origin and target: absolute errors of the medians, in percent relative
/// humidity.
package struct PairedError: Sendable, Equatable {
    /// The lead times at which a rival forecasts: all of `ForecastShape.scored` within a day. A difference at longer lead times is found too late
    /// to act on.
    package static let leadTimes: [Duration] = ForecastShape.scored.filter { $0 <= .seconds(24 * 3_600) }

    package let leadTime: Duration
    package let error: Float
    package let rivalError: Float
    package let persistenceError: Float

    package init(leadTime: Duration, error: Float, rivalError: Float, persistenceError: Float) {
        (self.leadTime, self.error, self.rivalError, self.persistenceError) = (leadTime, error, rivalError, persistenceError)
    }
}
