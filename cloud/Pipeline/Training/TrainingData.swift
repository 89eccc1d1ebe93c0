internal import Archive
internal import Forecasting
internal import Measures
internal import Observing
internal import Runtime

/// The sensors of a snapshot that a training learns from. Their observations are read one series at a time.
struct TrainingData: Sendable {
    /// Two weeks of observations: in a shorter series, the parts for training and for comparison have too few targets five days ahead.
    static let minimumDays = 14.0
    static let maximumSeries = 500  // in the training rows
    static let maximumReplays = 40  // series that are replayed, which costs a thousand times more than a training row

    let sensors: [Archive.SnapshotSensor]
    let replayed: [Archive.SnapshotSensor]  // a sample of `sensors`
    let available: Int  // sensors with enough observations

    private let reader: Archive
    private let threads: [ComputingThread]

    /// Selects sensors with enough observed days; in a large fleet, a sample in proportion to step and length of history.
    init(of snapshot: Archive.Snapshot, from reader: Archive, on threads: [ComputingThread]) async throws {
        let all = try await reader.sensors(of: snapshot).filter { $0.days >= TrainingData.minimumDays }
        sensors = StratifiedSample.select(all, atMost: TrainingData.maximumSeries)
        replayed = StratifiedSample.select(sensors, atMost: TrainingData.maximumReplays)
        (available, self.reader, self.threads) = (all.count, reader, threads)
    }

    /// Computes a value from each series on all threads, and uses the values one after the other in the order of the series. So the result does not
    /// depend on the number of threads, and at most one series more than there are threads is in memory.
    func forEach<Value: Sendable>(
        of sensors: [Archive.SnapshotSensor], _ compute: @escaping @Sendable (_ series: GriddedSeries, _ number: Int) throws -> Value,
        use: (Value, _ number: Int) throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: (Int, Value?).self) { group in
            var started = 0
            func start() {
                guard started < sensors.count else { return }
                let (number, sensor, thread) = (started, sensors[started], threads[started % threads.count])
                group.addTask { [reader] in
                    let observations = try await reader.observations(of: sensor)
                    let name = "\(sensor.device)/\(sensor.sensor)"
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
