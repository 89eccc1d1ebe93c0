package import Forecasting
package import Measures

/// A row for the log that has no key yet.
package enum NewRow: Sendable {
    case reading(SensorReading)
    case record(Record)
}

/// A reading in the log, committed or not.
package struct LoggedReading: Sendable, Equatable {
    package let key: Int64  // see `RowKey`
    package let sensor: SensorName
    package let reading: Reading  // at its corrected time, calibrated
}

/// An observation, and the forecast made from it.
package struct DerivedRow: Sendable {
    package let sensor: SensorName
    package let observation: Observation
    package var through: Int64  // key of the newest reading that the time grid had processed
    package var forecast: IssuedForecast?
    package var comparison: ReleaseComparison?
    package var isReobservation = false  // computed again after a correction: its forecasts are already scored

    package init(sensor: SensorName, observation: Observation, through: Int64, forecast: IssuedForecast?) {
        self.sensor = sensor
        self.observation = observation
        self.through = through
        self.forecast = forecast
    }
}
