internal import EdgeStore
internal import Forecasting
internal import Measures
internal import Observing
internal import Runtime

/// Restores a sensor's pipeline from the store: first the forecaster, from the observations within its memory; then the
/// readings after these observations.
struct HistoryRestorer: Sendable {
    private static let pageSize = 500  // rows read at a time, so that commits are delayed by milliseconds only

    let store: ReadingStore
    let clock: ReadingClock

    /// A restored pipeline, and the newest derived row, which is not stored yet.
    struct Restored: Sendable {
        var pipeline: SensorPipeline
        var through: Int64  // key of the newest reading in the pipeline
        var newest: DerivedRow?
    }

    /// A forecaster that has processed the stored observations of a sensor within its memory.
    func forecaster(of sensor: SensorName, grid: TimeGrid, model: ForecastModel) async throws -> AdaptiveForecaster {
        var forecaster = AdaptiveForecaster(grid: grid, network: model.network, rival: model.rival?.network)
        guard let newest = try await store.newestObservation(of: sensor) else { return forecaster }
        var since = newest - AdaptiveForecaster.memory
        while true {
            let observations = try await store.observations(of: sensor, after: since, limit: Self.pageSize)
            guard let last = observations.last else { return forecaster }
            forecaster = try await Self.withObservations(observations, forecaster)
            since = last.validAt
        }
    }

    @concurrent private static func withObservations(_ observations: [Observation], _ forecaster: AdaptiveForecaster) async throws
        -> AdaptiveForecaster
    {
        try Task.checkCancellation()  // months of observations take seconds on a slow host, and the daemon must stop at once
        var forecaster = forecaster
        for observation in observations { forecaster.observe(observation) }
        return forecaster
    }

    /// A pipeline that has processed the stored observations, but none of the readings after them.
    func start(_ sensor: SensorName, grid: TimeGrid, model: ForecastModel) async throws -> Restored {
        let forecaster = try await forecaster(of: sensor, grid: grid, model: model)
        let through = try await store.read { tables in
            try tables.sensors.ids[sensor].flatMap { try tables.observations.newest(of: $0)?.through } ?? 0
        }
        return Restored(
            pipeline: SensorPipeline(sensor: sensor, forecaster: forecaster, model: model, through: through), through: through)
    }

    /// Adds the next page of readings.
    ///
    /// Rows derived from the readings are stored at once. Only the newest forecast is kept: the other forecasts were never published, so they
    /// must not be scored.
    /// - Parameter isReobservation: whether the observations existed before, with another time or value.
    /// - Returns: whether there was a reading. If not, all readings that are in the log now are in the pipeline.
    func addPage(of sensor: SensorName, to restored: inout Restored, isReobservation: Bool) async throws -> Bool {
        let readings = try await store.log(of: sensor, after: restored.through, limit: Self.pageSize)
        guard let last = readings.last else { return false }
        let (pipeline, rows) = try await Self.withReadings(readings, restored.pipeline, now: clock.now)
        restored.pipeline = pipeline
        restored.through = last.key
        var derived = ([restored.newest].compactMap(\.self) + rows)
        for index in derived.indices { derived[index].isReobservation = isReobservation }
        restored.newest = derived.popLast()
        for index in derived.indices { (derived[index].forecast, derived[index].comparison) = (nil, nil) }
        guard !derived.isEmpty else { return true }
        await store.enqueue(derived)
        // Rows that cannot be stored now stay pending until the next commit.
        try? await store.commitPending()
        return true
    }

    @concurrent private static func withReadings(_ readings: [LoggedReading], _ pipeline: SensorPipeline, now: Instant) async throws -> (
        SensorPipeline, [DerivedRow]
    ) {
        try Task.checkCancellation()
        var pipeline = pipeline
        let rows = readings.flatMap { pipeline.add($0.reading, key: $0.key, now: now) }
        return (pipeline, rows)
    }
}
