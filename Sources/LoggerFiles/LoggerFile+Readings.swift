package import Measures
internal import Runtime

extension LoggerFile.Row {
    /// The row as a reading of a sensor.
    package var reading: Reading {
        Reading(
            takenAt: takenAt, humidityMpct: Milli.rounded(humidityPct), temperatureMc: temperatureC.flatMap(Milli.rounded), flags: .replayed)
    }
}

extension LoggerFile {
    /// Reads the file at a path.
    /// - Throws: `UnknownLayout`, `FileError`.
    package init(path: String, options: Options = Options()) throws {
        try self.init(try Files.read(path, limit: LoggerFile.byteLimit), options: options)
    }

    private static let byteLimit = 64 << 20
}
