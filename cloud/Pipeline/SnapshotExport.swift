package import Archive
internal import Measures
internal import Observing
internal import Runtime
internal import Text

/// Writes a snapshot as a folder of CSV files: DEVICE.SENSOR.csv with time, humidity and temperature, and a manifest. The same snapshot gives the same
/// bytes.
package struct SnapshotExport: Sendable {
    private let reader: Archive

    package init(reader: Archive) { self.reader = reader }

    /// - Parameter folder: made if it is missing. It must not have files, because a series of another snapshot would be taken for one of this snapshot.
    /// - Returns: the number of series.
    package func write(
        _ snapshot: Archive.Snapshot, to folder: String, progress: @Sendable (_ done: Int, _ all: Int) -> Void = { _, _ in }
    ) async throws -> Int {
        try Files.createFolder(folder)
        guard try Files.list(folder).isEmpty else { throw InputFileError(folder, "the folder is not empty: choose a new folder") }
        let sensors = try await reader.sensors(of: snapshot)
        var manifest = "series,device,sensor,step_s,observations,sha256\n"
        for (number, sensor) in sensors.enumerated() {
            try Task.checkCancellation()
            let series = "\(sensor.device).\(sensor.sensor)"
            var text = "time,humidity_pct,temperature_c\n"
            for observation in try await reader.observations(of: sensor) {
                let temperature = observation.temperature.flatMap { NumberText.fixed($0.celsius, places: 3) } ?? ""
                text +=
                    "\(RFC3339.format(ms: observation.validAt.ms)),\(NumberText.fixed(observation.humidity.percent, places: 3) ?? ""),\(temperature)\n"
            }
            try Files.replace("\(folder)/\(series).csv", with: Array(text.utf8))
            let fields = [series, sensor.device, sensor.sensor].map { CSV.field($0) }.joined(separator: ",")
            manifest += "\(fields),\(sensor.grid.step.wholeSeconds),\(sensor.observations),\(sensor.sha256)\n"
            progress(number + 1, sensors.count)
        }
        try Files.replace("\(folder)/manifest.csv", with: Array(manifest.utf8))
        return sensors.count
    }
}
