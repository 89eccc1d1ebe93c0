internal import Archive
internal import Forecasting
internal import Learning
internal import Measures
internal import Observing
internal import Runtime
internal import Synchronization

/// The sensors that a training run learns from. Their observations are read from the archive one series at a time.
struct TrainingData: Sendable {
    /// Two weeks of observations: in a shorter series, the parts for training and for comparison have too few targets five days ahead.
    static let minimumDays = 14.0
    private static let maximumSeries = 500

    let reader: Archive
    let thread: ComputingThread
    let sensors: [Archive.Sensor]
    let hash: String  // of the names and observations of all series
    let deviceDays: Double  // days with observations, summed over all sensors, also over sensors that the training does not use

    /// Selects sensors with enough observed days; in a large fleet, every n-th of these sensors in the order of names.
    static func select(
        from reader: Archive, on thread: ComputingThread, _ progress: @Sendable (TrainingProgress) -> Void
    ) async throws -> TrainingData {
        let all = try await reader.sensors().filter { days($0) >= minimumDays }
        let stride = max(1, (all.count + maximumSeries - 1) / maximumSeries)
        let sensors = all.enumerated().filter { $0.offset % stride == 0 }.map(\.element)
        var snapshot = SnapshotHash()
        for (index, sensor) in sensors.enumerated() {
            try Task.checkCancellation()
            progress(.reading(index + 1, of: sensors.count))
            snapshot.add("\(sensor.device)/\(sensor.name)", try await reader.observations(of: sensor))
        }
        return TrainingData(
            reader: reader, thread: thread, sensors: sensors, hash: snapshot.finish(), deviceDays: try await reader.observedDays())
    }

    private static func days(_ sensor: Archive.Sensor) -> Double { Double(sensor.observations) * Double(sensor.grid.step.ms) / 86_400_000 }

    /// Days of the longest series of the fleet.
    func longestDays() async throws -> Double { try await reader.sensors().map(Self.days).max() ?? 0 }

    /// Folds all series into one value, on the training's own thread.
    func reduce<Value: Sendable>(
        into start: Value, _ add: @escaping @Sendable (inout Value, GriddedSeries, _ number: Int) -> Void
    ) async throws -> Value {
        let sum = Accumulator(start)
        for (number, sensor) in sensors.enumerated() {
            let observations = try await reader.observations(of: sensor)
            let name = "\(sensor.device)/\(sensor.name)"
            guard let series = GriddedSeries(name: name, grid: sensor.grid, observations: observations) else { continue }
            try await thread.run { sum.value.withLock { add(&$0, series, number) } }
        }
        return sum.value.withLock { $0 }
    }
}

/// A large value that is changed in place: passing it between threads as an argument would copy it.
private final class Accumulator<Value: Sendable>: Sendable {
    let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
}
