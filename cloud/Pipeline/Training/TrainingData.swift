internal import Archive
internal import Forecasting
internal import Measures
internal import Observing
internal import Runtime

/// The sensors that a training run learns from. Their observations are read from the archive one series at a time.
struct TrainingData: Sendable {
    /// Two weeks of observations: in a shorter series, the parts for training and for comparison have too few targets five days ahead.
    static let minimumDays = 14.0
    static let maximumSeries = 500  // in the training rows
    static let maximumReplays = 64  // series that are replayed, which costs a thousand times more than a training row

    let sensors: [Archive.Sensor]
    let replayed: [Archive.Sensor]  // a sample of `sensors`
    let available: Int  // sensors with enough observations
    let hash: String  // of the names and observations of all series
    let deviceDays: Double  // days with observations, summed over all sensors, also over sensors that the training does not use

    private let reader: Archive
    private let threads: [ComputingThread]

    /// Selects sensors with enough observed days; in a large fleet, a sample in which every stratum has its share.
    static func select(
        from reader: Archive, on threads: [ComputingThread], _ progress: @Sendable (TrainingProgress) -> Void
    ) async throws -> TrainingData {
        let all = try await reader.sensors().filter { $0.observedDays >= minimumDays }
        let sensors = StratifiedSample.select(all, atMost: maximumSeries)
        var snapshot = SnapshotHash()
        for (index, sensor) in sensors.enumerated() {
            try Task.checkCancellation()
            progress(TrainingProgress(.reading, index + 1, of: sensors.count))
            snapshot.add("\(sensor.device)/\(sensor.name)", try await reader.observations(of: sensor))
        }
        return TrainingData(
            sensors: sensors, replayed: StratifiedSample.select(sensors, atMost: maximumReplays), available: all.count, hash: snapshot.finish(),
            deviceDays: try await reader.observedDays(), reader: reader, threads: threads)
    }

    /// Days of the longest series of the fleet.
    func longestDays() async throws -> Double { try await reader.sensors().map(\.observedDays).max() ?? 0 }

    /// Computes a value from each series on all threads, and uses the values one after the other in the order of the series. So the result does not
    /// depend on the number of threads, and at most one series more than there are threads is in memory.
    func forEach<Value: Sendable>(
        of sensors: [Archive.Sensor], _ compute: @escaping @Sendable (_ series: GriddedSeries, _ number: Int) throws -> Value,
        use: (Value, _ number: Int) throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: (Int, Value?).self) { group in
            var started = 0
            func start() {
                guard started < sensors.count else { return }
                let (number, sensor, thread) = (started, sensors[started], threads[started % threads.count])
                group.addTask { [reader] in
                    let observations = try await reader.observations(of: sensor)
                    let name = "\(sensor.device)/\(sensor.name)"
                    return (
                        number,
                        try await thread.run {
                            try GriddedSeries(name: name, grid: sensor.grid, observations: observations).map { try compute($0, number) }
                        }
                    )
                }
                started += 1
            }
            for _ in 0...threads.count { start() }
            var computed: [Int: Value?] = [:]
            var used = 0
            while let (number, value) = try await group.next() {
                computed[number] = .some(value)
                while let value = computed.removeValue(forKey: used) {
                    if let value { try use(value, used) }
                    used += 1
                    start()
                }
            }
        }
    }
}
