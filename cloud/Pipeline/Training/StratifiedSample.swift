internal import Archive
internal import Measures
internal import Observing

/// A sample of sensors in proportion to their groups: a group has the same step and a history of about the same length.
enum StratifiedSample {
    /// The same sensors give the same sample.
    /// - Returns: in the order of `sensors`; all sensors if there are at most `limit`.
    static func select(_ sensors: [Archive.SnapshotSensor], atMost limit: Int) -> [Archive.SnapshotSensor] {
        guard sensors.count > limit else { return sensors }
        let groups = sensors.map(group)
        let byGroup = sensors.indices.sorted { (groups[$0], $0) < (groups[$1], $1) }
        // Evenly spaced places in an order by group take the same share of each group.
        let chosen = (0..<limit).map { byGroup[(2 * $0 + 1) * sensors.count / (2 * limit)] }
        return chosen.sorted().map { sensors[$0] }
    }

    /// A number for each pair of a step and a class of length: below 60 days, below a year, longer.
    private static func group(_ sensor: Archive.SnapshotSensor) -> Int64 {
        let days = sensor.days
        return 3 * sensor.grid.step.ms + (days < 60 ? 0 : days < 365 ? 1 : 2)
    }
}
