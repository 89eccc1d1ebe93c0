internal import Forecasting
internal import Measures
internal import Observing
internal import Releases

/// One sensor's way from readings to forecasts: its grid, its history. A value; the service around it stores what comes out.
struct SensorForecasting: Sendable {
    let id: Int64
    private var binning: Binning
    private var history: History
    private var through: Int64  // the key of the last reading taken in

    /// - Parameters:
    ///   - observations: of the last eight days, oldest first.
    ///   - through: the key of the last reading in them.
    init(id: Int64, grid: TimeGrid, observations: [Observation], through: Int64) {
        self.id = id
        binning = Binning(grid: grid, closedThrough: observations.last?.validAt)
        history = History(grid: grid)
        for observation in observations { history.append(observation) }
        self.through = through
    }

    /// - Returns: an outcome for each observation that the reading completes.
    mutating func take(_ reading: Reading, key: Int64, release: Release?, now: Instant) -> [ReadingStore.Outcome] {
        let before = through
        through = key
        return binning.add(reading).map {
            outcome($0, through: $0.validAt == reading.takenAt ? key : before, release: release, now: now)
        }
    }

    /// Closes a bin whose time has passed without a reading after it.
    /// - Parameter grace: for readings on their way.
    mutating func tick(_ now: Instant, grace: Duration, release: Release?) -> ReadingStore.Outcome? {
        binning.close(before: now - grace).map { outcome($0, through: through, release: release, now: now) }
    }

    private mutating func outcome(_ observation: Observation, through: Int64, release: Release?, now: Instant) -> ReadingStore.Outcome {
        history.append(observation)
        return ReadingStore.Outcome(
            sensor: id, observation: observation, through: through, forecast: Forecaster.forecast(history, model: release?.model),
            releaseCounter: release?.header.counter ?? 0, issuedAt: now)
    }
}
