package import Measures

/// The observations of a whole recording: false readings between correct ones are found, and bins are closed, as on a device.
package enum RecordedReadings {
    /// - Parameter readings: of one sensor, oldest first.
    package static func observations(of readings: some Sequence<Reading>, on grid: TimeGrid) -> [Observation] {
        var spikes = SpikeFilter(), binning = Binning(grid: grid)
        var observations: [Observation] = []
        for reading in readings { for decided in spikes.decide(reading) { observations += binning.add(decided) } }
        for decided in spikes.flush() { observations += binning.add(decided) }
        return observations
    }
}
