package import Archive
package import Forecasting
package import Measures
internal import Observing
package import Psychrometrics
internal import Runtime
internal import TrustedReleases
package import Wire

/// Forecasts on demand from the cloud's observations: the same code and the same release as on the edge.
package actor FleetForecasts {
    private let executor = BlockingExecutor(label: "fleet-forecasts")  // one forecast takes half a second, too long for Swift's thread pool
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let reader: Archive
    private let pretrained: Pretrained?
    private var loaded: (name: ReleaseName, network: Network)?
    private var made: [Int64: Made] = [:]  // by sensor

    /// A sensor's newest forecast. The sensor's history is replayed once for each new observation, not for each request.
    private struct Made {
        let lastAt: Instant
        let issuedAt: Instant
        let use: Int  // a later forecast has a larger number
        let release: ReleaseName?
        let forecast: QuantileForecast?
        let mould: MouldIndex?

        var answer: Answer? { forecast.map { Answer(forecast: $0, mould: mould, release: release, issuedAt: issuedAt) } }
    }

    package struct Answer: Sendable {
        package let forecast: QuantileForecast
        package let mould: MouldIndex?
        package let release: ReleaseName?
        package let issuedAt: Instant
    }

    private static let mostKept = 1_000
    private var uses = 0

    /// - Parameter pretrained: the network to use while there is no champion.
    package init(reader: Archive, pretrained: Pretrained? = nil) {
        self.reader = reader
        self.pretrained = pretrained
    }

    /// - Returns: `nil` if the sensor has no observation.
    package func forecast(_ sensor: Archive.Sensor) async throws -> Answer? {
        guard let lastAt = sensor.lastAt else { return nil }
        let champion = try await champion()
        if let made = made[sensor.id], made.lastAt == lastAt, made.release == champion?.name {
            return made.answer
        }
        var forecaster = AdaptiveForecaster(grid: sensor.grid, network: champion?.network ?? pretrained?.network)
        var mould = MouldTracking()
        for observation in try await reader.observations(sensor: sensor.id, since: lastAt - AdaptiveForecaster.memory) {
            try Task.checkCancellation()
            // An open bin is not used, because the edge also forecasts from closed bins only.
            guard observation.validAt <= lastAt else { continue }
            forecaster.observe(observation)
            mould.add(observation)
        }
        if made.count >= FleetForecasts.mostKept {
            // Removes the older half at once: a search for the oldest forecast at each insertion would cost more time.
            let middle = made.values.map(\.use).sorted()[made.count / 2]
            made = made.filter { $0.value.use > middle }
        }
        let forecast = forecaster.forecast()
        uses += 1
        let new = Made(
            lastAt: lastAt, issuedAt: ReadingClock.wallClock, use: uses, release: champion?.name, forecast: forecast, mould: mould.index)
        made[sensor.id] = new
        return new.answer
    }

    private func champion() async throws -> (name: ReleaseName, network: Network)? {
        guard let name = try await reader.releaseName(alias: Archive.champion) else { return nil }
        if let loaded, loaded.name == name { return loaded }
        // Each release is opened once: the check of its golden vectors takes tenths of a second.
        guard let network = try await ChampionReader(reader: reader, trust: .local).network(name) else { return nil }
        loaded = (name, network)
        return loaded
    }
}
