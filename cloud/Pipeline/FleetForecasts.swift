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
    private var networks: [ReleaseReference: Network] = [:]  // an opened release is kept: the check of its golden vectors takes tenths of a second
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

    /// The forecast from the newest observation, with the release that the device gets now.
    /// - Returns: `nil` if the sensor has no observation.
    package func forecast(_ sensor: Archive.Sensor) async throws -> ServedForecast? {
        guard let lastAt = sensor.lastAt else { return nil }
        let model = try await model(try await reader.release(for: sensor.deviceID))
        if let cache = cache[sensor.id], cache.lastAt == lastAt, cache.release == model.name {
            return cache.answer
        }
        let (forecast, mould) = try await replay(sensor, model.network, through: lastAt)
        if cache.count >= FleetForecasts.cacheLimit {
            // Removes the older half at once: a search for the oldest forecast at each insertion would cost more time.
            let middle = cache.values.map(\.insertionNumber).sorted()[cache.count / 2]
            cache = cache.filter { $0.value.insertionNumber > middle }
        }
        insertions += 1
        let new = CachedForecast(
            lastAt: lastAt, issuedAt: WallClock.now, insertionNumber: insertions, release: model.name, forecast: forecast, mould: mould)
        cache[sensor.id] = new
        return new.answer
    }

    /// Forecasts from a past instant. The forecast uses no observation after this instant, and the release that the device used at this instant. If the
    /// device had not reported its release by then, the forecast uses the release that the device gets now.
    /// - Returns: `nil` if the sensor had no observation at that instant.
    package func forecast(_ sensor: Archive.Sensor, asOf instant: Instant) async throws -> ServedForecast? {
        var name = try await reader.release(for: sensor.deviceID)
        var hadRelease = true
        if let device = try await reader.device(named: sensor.device), let then = try await reader.release(on: device, at: instant) {
            hadRelease = then.counter != nil
            // Counter 0 is the shipped release, which `model` uses without a name.
            name = if let counter = then.counter, counter > 0 { try await reader.release(counter: counter)?.name } else { nil }
        }
        let model = hadRelease ? try await model(name) : (name: nil, network: nil)
        let (forecast, mould) = try await replay(sensor, model.network, through: instant)
        return forecast.map { ServedForecast(forecast: $0, mould: mould, release: model.name, issuedAt: instant) }
    }

    /// Forecasts from observations that are not in the archive, with the shipped network.
    /// - Parameter observations: in ascending order of time.
    /// - Returns: `nil` without observations.
    func forecast(from observations: [Observation], on grid: TimeGrid) -> QuantileForecast? {
        guard let last = observations.last else { return nil }
        var forecaster = AdaptiveForecaster(grid: grid, network: pretrained?.network)
        for observation in observations where observation.validAt > last.validAt - AdaptiveForecaster.memory { forecaster.observe(observation) }
        return forecaster.forecast()
    }

    /// Replays the memory of a forecaster before an instant.
    private func replay(_ sensor: Archive.Sensor, _ network: Network?, through last: Instant) async throws -> (QuantileForecast?, MouldIndex?) {
        var forecaster = AdaptiveForecaster(grid: sensor.grid, network: network)
        var mould = MouldTracking()
        // An open bin is not used, because the edge also forecasts from closed bins only.
        for observation in try await reader.observations(of: sensor, since: last - AdaptiveForecaster.memory, through: last) {
            try Task.checkCancellation()
            forecaster.observe(observation)
            mould.add(observation)
        }
        return (forecaster.forecast(), mould.index)
    }

    /// The network of a release; the shipped network without a release, or if this version of the program cannot use the file.
    private func model(_ name: ReleaseReference?) async throws -> (name: ReleaseReference?, network: Network?) {
        guard let name else { return (nil, pretrained?.network) }
        if let network = networks[name] { return (name, network) }
        guard let network = try await ReleaseReader(reader: reader, trust: .local).network(name) else { return (nil, pretrained?.network) }
        if networks.count >= FleetForecasts.networkLimit { networks = [:] }
        networks[name] = network
        return (name, network)
    }
    private static let networkLimit = 16  // 120 KB each
}
