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
    private let pretrained: PretrainedNetwork?
    private var loaded: (name: ReleaseReference, network: Network)?
    private var cache: [Int64: CachedForecast] = [:]  // by sensor

    /// A sensor's newest forecast. The sensor's history is replayed once for each new observation, not for each request.
    private struct CachedForecast {
        let lastAt: Instant
        let issuedAt: Instant
        let insertionNumber: Int  // a later forecast has a larger number
        let release: ReleaseReference?
        let forecast: QuantileForecast?
        let mould: MouldIndex?

        var answer: ServedForecast? { forecast.map { ServedForecast(forecast: $0, mould: mould, release: release, issuedAt: issuedAt) } }
    }

    package struct ServedForecast: Sendable {
        package let forecast: QuantileForecast
        package let mould: MouldIndex?
        package let release: ReleaseReference?
        package let issuedAt: Instant
    }

    private static let cacheLimit = 1_000
    private var insertions = 0

    /// - Parameter pretrained: the network to use while there is no champion.
    package init(reader: Archive, pretrained: PretrainedNetwork? = nil) {
        self.reader = reader
        self.pretrained = pretrained
    }

    /// - Returns: `nil` if the sensor has no observation.
    package func forecast(_ sensor: Archive.Sensor) async throws -> ServedForecast? {
        guard let lastAt = sensor.lastAt else { return nil }
        let champion = try await champion()
        if let cache = cache[sensor.id], cache.lastAt == lastAt, cache.release == champion?.name {
            return cache.answer
        }
        var forecaster = AdaptiveForecaster(grid: sensor.grid, network: champion?.network ?? pretrained?.network)
        var mould = MouldTracking()
        for observation in try await reader.observations(of: sensor, since: lastAt - AdaptiveForecaster.memory) {
            try Task.checkCancellation()
            // An open bin is not used, because the edge also forecasts from closed bins only.
            guard observation.validAt <= lastAt else { continue }
            forecaster.observe(observation)
            mould.add(observation)
        }
        if cache.count >= FleetForecasts.cacheLimit {
            // Removes the older half at once: a search for the oldest forecast at each insertion would cost more time.
            let middle = cache.values.map(\.insertionNumber).sorted()[cache.count / 2]
            cache = cache.filter { $0.value.insertionNumber > middle }
        }
        let forecast = forecaster.forecast()
        insertions += 1
        let new = CachedForecast(
            lastAt: lastAt, issuedAt: WallClock.now, insertionNumber: insertions, release: champion?.name, forecast: forecast,
            mould: mould.index)
        cache[sensor.id] = new
        return new.answer
    }

    private func champion() async throws -> (name: ReleaseReference, network: Network)? {
        guard let name = try await reader.release(of: .champion) else { return nil }
        if let loaded, loaded.name == name { return loaded }
        // The opened release is kept, because the check of its golden vectors takes tenths of a second.
        guard let network = try await ReleaseReader(reader: reader, trust: .local).network(name) else { return nil }
        loaded = (name, network)
        return loaded
    }
}
