internal import EdgeStore
internal import Forecasting
internal import Measures
internal import Observing

/// The pipelines of all sensors, and which of them must be restored from the store. A value type: `ReadingFlow` reads
/// and writes the store.
struct Pipelines: Sendable {
    struct Entry: Sendable {
        let grid: TimeGrid
        var pipeline: SensorPipeline?  // nil: not restored yet, or must be restored again
        var isReobservation: Bool  // the history was observed before, with other times, values or names
        var hasMissedReadings = false  // readings arrived while there was no pipeline
        var revision = 0  // counts changes of the history
    }

    private var entries: [SensorName: Entry] = [:]
    private var changed: Set<SensorName> = []  // sensors whose history a pending record changes
    private var restoredThrough: [SensorName: Int64] = [:]  // newest key in each pipeline that was restored since `willEnqueue`

    subscript(_ sensor: SensorName) -> Entry? { entries[sensor] }
    var sensors: [SensorName] { Array(entries.keys) }
    var hasChangedHistories: Bool { !changed.isEmpty }

    mutating func add(_ sensor: SensorName, grid: TimeGrid, isReobservation: Bool) {
        entries[sensor] = Entry(grid: grid, isReobservation: isReobservation)
    }

    // MARK: readings

    /// Call before the rows of a page are enqueued. While `ReadingFlow` waits for the store, a pipeline may be restored that already contains some
    /// of these rows.
    mutating func willEnqueue() { restoredThrough = [:] }

    /// Adds an enqueued reading to its sensor's pipeline.
    /// - Returns: a row for each observation that the reading completes.
    mutating func add(_ reading: LoggedReading, now: Instant) -> [DerivedRow] {
        if let key = restoredThrough[reading.sensor], reading.key <= key { return [] }  // already in the pipeline
        if entries[reading.sensor]?.pipeline == nil { entries[reading.sensor]?.hasMissedReadings = true }
        return entries[reading.sensor]?.pipeline?.add(reading.reading, key: reading.key, now: now) ?? []
    }

    /// Completes observations whose bin ended more than `grace` ago without a later reading.
    /// - Parameter isHeld: whether a reading of the sensor is still on its way to the store.
    mutating func closeBins(now: Instant, grace: Duration, isHeld: (SensorName) -> Bool) -> [DerivedRow] {
        entries.keys.filter { !isHeld($0) }.compactMap { entries[$0]?.pipeline?.closeBin(now: now, grace: grace) }
    }

    // MARK: histories

    /// Marks sensors whose history a pending record changes.
    mutating func markChanged(_ sensors: some Sequence<SensorName>) { changed.formUnion(sensors) }

    /// Discards the pipelines of changed histories, after the commit of the records that change them.
    mutating func discardChanged() {
        for sensor in changed {
            entries[sensor]?.pipeline = nil
            entries[sensor]?.isReobservation = true
            entries[sensor]?.revision += 1
        }
        changed = []
    }

    /// The sensors without a pipeline, or with a pipeline of another release.
    func outdated(releaseCounter: UInt64) -> [SensorName] {
        entries.filter { $0.value.pipeline?.releaseCounter != releaseCounter }.map(\.key)
    }

    /// The counter of a release in use whose network has computed something that is no number; `nil` without one.
    var faultyRelease: UInt64? { entries.values.lazy.compactMap { $0.pipeline?.faultyRelease }.first }

    mutating func willReadHistory(of sensor: SensorName) { entries[sensor]?.hasMissedReadings = false }

    /// Installs a restored pipeline.
    /// - Parameter revision: the revision of the history that was restored.
    /// - Returns: false if the history has changed since: the pipeline is discarded.
    mutating func install(_ restored: HistoryRestorer.Restored, of sensor: SensorName, revision: Int) -> Bool {
        guard entries[sensor]?.revision == revision else { return false }
        entries[sensor]?.pipeline = restored.pipeline
        entries[sensor]?.isReobservation = false
        restoredThrough[sensor] = restored.through
        return true
    }

    /// Starts a sensor without history.
    mutating func start(_ sensor: SensorName, model: ForecastModel) {
        guard let grid = entries[sensor]?.grid else { return }
        let forecaster = AdaptiveForecaster(grid: grid, network: model.network, rival: model.rival?.network)
        entries[sensor]?.pipeline = SensorPipeline(sensor: sensor, forecaster: forecaster, model: model, through: 0)
    }

    /// - Returns: whether the release changed: see `SensorPipeline.switch`.
    mutating func switchRelease(of sensor: SensorName, to forecaster: AdaptiveForecaster, model: ForecastModel) -> Bool {
        entries[sensor]?.pipeline?.switch(to: forecaster, model: model) == true
    }
}
