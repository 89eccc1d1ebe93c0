internal import Forecasting
internal import Measures
internal import Observing

/// One sensor's way from readings to forecasts: its grid, its forecaster. A value; the service around it stores what comes out.
struct SensorForecasting: Sendable {
    /// An observation, the forecast from it, and the last reading in it: counted from the start of the program.
    struct Result: Sendable {
        let observation: Observation
        let forecast: QuantileForecast?
        let releaseCounter: UInt64
        let through: Int64
    }

    private var binning: Binning
    private var forecaster: AdaptiveForecaster
    private(set) var releaseCounter: UInt64  // of the forecaster's; 0 without one
    private var through: Int64  // the number of the last reading taken in

    /// - Parameters:
    ///   - forecaster: which has seen all observations before.
    ///   - through: the number of the last reading in them.
    init(forecaster: AdaptiveForecaster, releaseCounter: UInt64, through: Int64) {
        binning = Binning(grid: forecaster.history.grid, closedThrough: forecaster.history.origin)
        self.forecaster = forecaster
        self.releaseCounter = releaseCounter
        self.through = through
    }

    /// - Returns: a result for each observation that the reading completes.
    mutating func take(_ reading: Reading, number: Int64) -> [Result] {
        let before = through
        through = number
        return binning.add(reading).map { result($0, through: $0.validAt == reading.takenAt ? number : before) }
    }

    /// Closes a bin whose time has passed without a reading after it.
    /// - Parameter grace: for readings on their way.
    mutating func tick(_ now: Instant, grace: Duration) -> Result? {
        binning.close(before: now - grace).map { result($0, through: through) }
    }

    /// The same state where readings are counted anew.
    func renumbered(through: Int64) -> SensorForecasting {
        var copy = self
        copy.through = through
        return copy
    }

    /// Forecasts by another release from here on.
    /// - Parameter other: has seen the same observations; where it has not, nothing changes.
    /// - Returns: whether it does.
    mutating func `switch`(to other: AdaptiveForecaster, releaseCounter: UInt64) -> Bool {
        guard other.history.origin == forecaster.history.origin else { return false }
        (forecaster, self.releaseCounter) = (other, releaseCounter)
        return true
    }

    private mutating func result(_ observation: Observation, through: Int64) -> Result {
        forecaster.observe(observation)
        return Result(observation: observation, forecast: forecaster.forecast(), releaseCounter: releaseCounter, through: through)
    }
}
