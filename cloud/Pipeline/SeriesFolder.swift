package import Forecasting
internal import Measures
internal import Observing
internal import Runtime
internal import Text

/// A folder of recorded series on their grids: SERIES.csv with `time,humidity_pct,temperature_c`.
package struct SeriesFolder: Sendable {
    package let path: String

    package init(_ path: String) { self.path = path }

    func observations(ofSeries name: String) throws -> [Observation] {
        let path = "\(path)/\(name).csv"
        let lines = try LineReader(path: path)
        do {
            guard let header = try lines.next() else { throw InputFileError(path, "the file is empty") }
            let format = try SeriesCSV(header: header)
            var observations: [Observation] = []
            while let line = try lines.next() {
                guard !line.isEmpty else { continue }
                let row = try format.row(line, line: lines.line)
                if let droppedValueNote = row.droppedValueNote { throw InputFileError(path, droppedValueNote) }
                guard let humidity = row.humidityPct else { continue }
                if let last = observations.last, last.validAt.ms >= row.takenAtMs {
                    throw InputFileError(path, line: lines.line, "the time is not after the time of the line before")
                }
                observations.append(
                    Observation(
                        validAt: Instant(ms: row.takenAtMs), humidity: RelativeHumidity(percent: min(100, max(0, humidity))),
                        temperature: row.temperatureC.map { Temperature(celsius: $0) }))
            }
            return observations
        } catch let error as SeriesCSV.Malformed {
            throw InputFileError(path, "\(error)")
        }
    }

    /// The sorted names of the series in the folder.
    /// - Parameter left: names to leave out. Throws if the folder has no series of this name.
    package func names(without left: Set<String>) throws -> [String] {
        let names = try Files.list(path).filter { $0.hasSuffix(".csv") }.map { String($0.dropLast(4)) }
        for name in left.sorted() where !names.contains(name) {
            throw InputFileError("\(path)/\(name).csv", "the file does not exist and cannot be left out")
        }
        return names.filter { !left.contains($0) && !SeriesFolder.lists.contains($0) }.sorted()
    }
    private static let lists: Set = ["origins", "series", "manifest"]  // files that list series and are not series themselves

    /// Reads a series and puts it on the grid that fits the spacing of its times. Readings in one bin are averaged, as on the edge.
    package func series(named name: String) throws -> GriddedSeries {
        let rows = try observations(ofSeries: name)
        let grid = TimeGrid(takenAt: rows.prefix(1_000).map(\.validAt))
        var bins: [Bin] = []
        for row in rows {
            let binEnd = grid.binEnd(of: row.validAt)
            if bins.last?.validAt != binEnd { bins.append(Bin(validAt: binEnd)) }
            bins[bins.count - 1].add(
                Reading(
                    takenAt: row.validAt, humidityMpct: Milli.rounded(row.humidity.percent),
                    temperatureMc: row.temperature.flatMap { Milli.rounded($0.celsius) }))
        }
        guard let series = GriddedSeries(name: name, grid: grid, observations: bins.compactMap(\.observation)) else {
            throw InputFileError("\(path)/\(name).csv", "the file holds no observation")
        }
        return series
    }
}
