internal import EdgeStore
internal import Forecasting
internal import Measures
internal import Observing
internal import Wire

/// One sensor's pipeline from readings to forecasts: its time grid, then its forecaster. A value, without clock and store.
struct SensorPipeline: Sendable {
    private let sensor: SensorName
    private var binning: Binning
    private var forecaster: AdaptiveForecaster
    private var model: ForecastModel  // of the forecaster
    private var through: Int64  // key of the newest reading that was added

    /// - Parameters:
    ///   - forecaster: has processed all observations up to now.
    ///   - through: key of the newest reading in those observations.
    init(sensor: SensorName, forecaster: AdaptiveForecaster, model: ForecastModel, through: Int64) {
        self.sensor = sensor
        binning = Binning(grid: forecaster.history.grid, closedThrough: forecaster.history.origin)
        self.forecaster = forecaster
        self.model = model
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

    var releaseCounter: UInt64 { model.counter }
    /// The counter of the release if its network has computed something that is no number.
    var faultyRelease: UInt64? { forecaster.isNetworkFinite ? nil : model.counter }

    /// Switches to another release from the next observation on.
    /// - Parameter other: a forecaster of the other release. If it has not processed the same observations, nothing changes.
    /// - Returns: whether the release changed.
    mutating func `switch`(to other: AdaptiveForecaster, model: ForecastModel) -> Bool {
        guard other.history.origin == forecaster.history.origin else { return false }
        (forecaster, self.model) = (other, model)
        return true
    }

    private mutating func derive(_ observation: Observation, through: Int64, _ now: Instant) -> DerivedRow {
        forecaster.observe(observation)
        let issued = forecaster.forecast().map { IssuedForecast(forecast: $0, issuedAt: now, releaseCounter: model.counter) }
        var row = DerivedRow(sensor: sensor, observation: observation, through: through, forecast: issued)
        row.comparison = comparison(at: observation.validAt)
        return row
    }

    /// The errors of the release and its rival at the targets that are this observation. Forecasts from before the release was in use do not count: the
    /// release may have been trained with these observations.
    private func comparison(at validAt: Instant) -> ReleaseComparison? {
        guard let rival = model.rival else { return nil }
        let errors = forecaster.pairedErrors.filter { validAt - $0.leadTime >= model.since }
        return errors.isEmpty ? nil : ReleaseComparison(release: model.counter, rival: rival.name.counter, errors: errors)
    }
}
