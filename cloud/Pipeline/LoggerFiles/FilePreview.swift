package import Forecasting
package import LoggerFiles
package import Measures
internal import Observing

/// The preview of a logger's file, for a person who decides about an import: the recognised layout, the rows, and a forecast by the shipped release.
package struct FilePreview: Sendable {
    package let layout: LoggerLayout
    package let content: LoggerFile.Result
    package let isZoneAssumed: Bool  // the file names no time zone, and nobody else has: its times are read as UTC
    package let step: Duration
    package let observations: [Observation]
    package let forecast: QuantileForecast?
}

extension FleetForecasts {
    /// Takes about half a second for a month of readings a minute. Runs on the actor's own thread.
    /// - Parameters: as of `LoggerFile.Options.init(dates:zone:)`.
    /// - Throws: `UnknownLayout`, `LoggerFile.InvalidOption`.
    package func preview(_ bytes: [UInt8], dates: String?, zone: String?, latest: Instant) throws -> FilePreview {
        let file = try LoggerFile(bytes, options: LoggerFile.Options(dates: dates, zone: zone, defaultZone: .utc, latest: latest))
        let content = try file.read()
        let grid = TimeGrid(takenAt: content.rows.prefix(1_000).map(\.takenAt))
        let observations = RecordedReadings.observations(of: content.rows.lazy.map(\.reading), on: grid)
        return FilePreview(
            layout: file.layout, content: content, isZoneAssumed: zone == nil && !file.layout.namesZone, step: grid.step, observations: observations,
            forecast: forecast(from: observations, on: grid))
    }
}
