internal import Forecasting
internal import Measures
internal import Observing
internal import Releases

/// One sensor's way from readings to forecasts: its grid, its history. A value; the service around it stores what comes out.
struct SensorForecasting: Sendable {
    /// An observation, the forecast from it, and the last reading in it: counted from the start of the program.
    struct Result: Sendable {
        let observation: Observation
        let forecast: QuantileForecast?
        let releaseCounter: UInt64
        let through: Int64
    }

    private var binning: Binning
    private var history: History
    private var through: Int64  // the number of the last reading taken in

    /// - Parameters:
    ///   - observations: of the last eight days, oldest first.
    ///   - through: the number of the last reading in them.
    init(grid: TimeGrid, observations: [Observation], through: Int64) {
        binning = Binning(grid: grid, closedThrough: observations.last?.validAt)
        history = History(grid: grid)
        for observation in observations { history.append(observation) }
        self.through = through
    }

    /// - Returns: a result for each observation that the reading completes.
    mutating func take(_ reading: Reading, number: Int64, release: Release?) -> [Result] {
        let before = through
        through = number
        return binning.add(reading).map { result($0, through: $0.validAt == reading.takenAt ? number : before, release) }
    }

    /// Closes a bin whose time has passed without a reading after it.
    /// - Parameter grace: for readings on their way.
    mutating func tick(_ now: Instant, grace: Duration, release: Release?) -> Result? {
        binning.close(before: now - grace).map { result($0, through: through, release) }
    }

    /// The same state where readings are counted anew.
    func renumbered(through: Int64) -> SensorForecasting {
        var copy = self
        copy.through = through
        return copy
    }

    private mutating func result(_ observation: Observation, through: Int64, _ release: Release?) -> Result {
        history.append(observation)
        return Result(
            observation: observation, forecast: Forecaster.forecast(history, model: release?.model), releaseCounter: release?.header.counter ?? 0,
            through: through)
    }
}
