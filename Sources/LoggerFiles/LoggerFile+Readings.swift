package import Measures

extension LoggerFile.Row {
    /// The row as a reading of a sensor.
    package var reading: Reading {
        Reading(
            takenAt: takenAt, humidityMpct: Milli.rounded(humidityPct), temperatureMc: temperatureC.flatMap(Milli.rounded), flags: .replayed)
    }
}
