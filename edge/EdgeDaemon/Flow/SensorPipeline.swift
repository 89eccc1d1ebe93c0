internal import EdgeStore
internal import Forecasting
internal import Measures
internal import Observing

/// One sensor's pipeline from readings to forecasts: its time grid, then its forecaster. A value, without clock and store.
struct SensorPipeline: Sendable {
    private let sensor: SensorName
    private var binning: Binning
    private var forecaster: AdaptiveForecaster
    private(set) var releaseCounter: UInt64  // of the forecaster's release; 0 without one
    private var through: Int64  // key of the newest reading that was added

    /// - Parameters:
    ///   - forecaster: has processed all observations up to now.
    ///   - through: key of the newest reading in those observations.
    init(sensor: SensorName, forecaster: AdaptiveForecaster, releaseCounter: UInt64, through: Int64) {
        self.sensor = sensor
        binning = Binning(grid: forecaster.history.grid, closedThrough: forecaster.history.origin)
        self.forecaster = forecaster
        self.releaseCounter = releaseCounter
        self.through = through
    }

    /// - Parameters:
    ///   - reading: at its corrected time, calibrated.
    ///   - now: becomes `issuedAt` of the forecasts.
    /// - Returns: a row for each observation that the reading completes.
    mutating func add(_ reading: Reading, key: Int64, now: Instant) -> [DerivedRow] {
        let before = through
        through = key
        return binning.add(reading).map { derive($0, through: $0.validAt == reading.takenAt ? key : before, now) }
    }

    /// Completes an observation whose bin ended more than `grace` ago without a later reading.
    mutating func closeBin(now: Instant, grace: Duration) -> DerivedRow? {
        binning.close(before: now - grace).map { derive($0, through: through, now) }
    }

    /// Switches to another release from the next observation on.
    /// - Parameter other: a forecaster of the other release. If it has not processed the same observations, nothing changes.
    /// - Returns: whether the release changed.
    mutating func `switch`(to other: AdaptiveForecaster, releaseCounter: UInt64) -> Bool {
        guard other.history.origin == forecaster.history.origin else { return false }
        (forecaster, self.releaseCounter) = (other, releaseCounter)
        return true
    }

    private mutating func derive(_ observation: Observation, through: Int64, _ now: Instant) -> DerivedRow {
        forecaster.observe(observation)
        let issued = forecaster.forecast().map { IssuedForecast(forecast: $0, issuedAt: now, releaseCounter: releaseCounter) }
        return DerivedRow(sensor: sensor, observation: observation, through: through, forecast: issued)
    }
}
