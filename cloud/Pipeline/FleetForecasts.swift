package import Archive
package import Forecasting
internal import Measures
internal import Observing
internal import Releases
package import Wire

/// Forecasts on demand from the cloud's observations: the same code and the same release as on the edge.
package actor FleetForecasts {
    private let reader: Archive
    private var loaded: (name: ReleaseName, model: ForecastModel)?

    package init(reader: Archive) { self.reader = reader }

    /// - Returns: `nil` when the sensor has no observation.
    package func forecast(_ sensor: Archive.Sensor) async throws -> (forecast: QuantileForecast, release: ReleaseName?)? {
        guard let lastAt = sensor.lastAt else { return nil }
        var history = History(grid: sensor.grid)
        for observation in try await reader.observations(sensor: sensor.id, since: lastAt - .seconds(History.days * 86_400)) {
            // The bin of the newest reading is still open, unless that reading ends it: the edge would not forecast from it either.
            if observation.validAt <= lastAt { history.append(observation) }
        }
        let champion = try await champion()
        guard let forecast = Forecaster.forecast(history, model: champion?.model) else { return nil }
        return (forecast, forecast.method == .ridge ? champion?.name : nil)
    }

    private func champion() async throws -> (name: ReleaseName, model: ForecastModel)? {
        guard let name = try await reader.releaseName(alias: Archive.champion) else { return nil }
        if let loaded, loaded.name == name { return loaded }
        guard let bytes = try await reader.releaseBytes(counter: name.counter) else { return nil }
        // The archive's own file, registered after all checks; its hash says that it is still that.
        let release = try ReleaseIntake.open(
            bytes, ReleaseIntake.Demand(sha256: name.sha256, counterAbove: nil, isSignatureNeeded: false), ReleaseSigner.cryptography(trusting: []))
        loaded = (name, release.model)
        return loaded
    }
}
