internal import Measures
internal import Observing
internal import Wire

/// The series that the readings of one batch belong to, and the indices of these series in a buffer of bins.
struct BatchSeries {
    let paths: [RenameChain]  // by index of the batch's sensors
    private let places: [[Int]]  // by sensor, then by name in the sensor's chain; -1 if the series has no reading

    func index(_ sensor: Int, _ series: Int) -> Int { places[sensor][series] }

    /// - Parameters:
    ///   - frame: the batch; its readings must already be validated.
    ///   - grid: returns the grid of a series; `nil` if the archive does not have the series.
    init(
        _ frame: BatchFrame, _ device: Int64, _ renames: [SensorRename], _ buffer: inout BinBuffer, grid: (SensorName) throws -> TimeGrid?
    ) throws {
        paths = frame.sensors.map { RenameChain($0, renames) }
        var times: [[Instant]]?  // by sensor; read only if a series is new
        var places: [[Int]] = []
        for (sensor, path) in paths.enumerated() {
            var known: TimeGrid?  // the grid of the previous name: a renamed series keeps the grid of its old name
            var row: [Int] = []
            for name in path.names {
                if let index = buffer.index(device, name) {
                    row.append(index)
                    known = buffer.sensors[index].grid
                    continue
                }
                var found = try grid(name) ?? known
                if found == nil {
                    // Without a sensor record, the grid is derived from the times of the sensor's readings in this batch.
                    if times == nil { times = try BatchSeries.times(frame) }
                    if let taken = times?[sensor], !taken.isEmpty { found = TimeGrid(takenAt: taken) }
                }
                known = found
                row.append(found.map { buffer.addSensor(BinBuffer.Sensor(device: device, name: name, grid: $0)) } ?? -1)
            }
            places.append(row)
        }
        self.places = places
    }

    private static func times(_ frame: BatchFrame) throws -> [[Instant]] {
        var times = [[Instant]](repeating: [], count: frame.sensors.count)
        try frame.forEachReading { sensor, reading in times[sensor].append(reading.takenAt) }
        return times
    }
}
