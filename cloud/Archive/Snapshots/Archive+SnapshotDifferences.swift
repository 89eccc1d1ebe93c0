/// The differences between two snapshots.
extension Archive {
    package struct SnapshotDifference: Sendable, Equatable {
        package enum Kind: String, Sendable { case added, removed, changed }
        package let device: String
        package let sensor: String
        package let kind: Kind
        package let weeks: Int  // that differ
        package let observations: Int64  // more than before; negative: fewer
    }

    /// The sensors that differ, sorted by device and sensor. Only these sensors' weeks are read.
    package func differences(from old: Snapshot, to new: Snapshot) throws -> [SnapshotDifference] {
        func read(_ id: Int64, without other: Int64) throws -> [String: (device: String, sensor: String, weeks: SnapshotWeeks)] {
            var sensors: [String: (device: String, sensor: String, weeks: SnapshotWeeks)] = [:]
            try database.forEach(
                """
                SELECT a.device_name, a.sensor_name, a.body FROM snapshot_sensor a
                LEFT JOIN snapshot_sensor b ON b.snapshot = ? AND b.device = a.device AND b.sensor = a.sensor
                    AND b.sha256 = a.sha256 AND b.device_name = a.device_name AND b.sensor_name = a.sensor_name
                WHERE a.snapshot = ? AND b.snapshot IS NULL
                """, other, id
            ) { row in sensors["\(row.text(0))/\(row.text(1))"] = (row.text(0), row.text(1), try SnapshotWeeks(row.bytes(2))) }
            return sensors
        }
        let (before, after) = (try read(old.id, without: new.id), try read(new.id, without: old.id))
        let differences = Set(before.keys).union(after.keys).compactMap { key -> SnapshotDifference? in
            guard let found = after[key] ?? before[key] else { return nil }
            let (oldWeeks, newWeeks) = (before[key]?.weeks ?? SnapshotWeeks(), after[key]?.weeks ?? SnapshotWeeks())
            return SnapshotDifference(
                device: found.device, sensor: found.sensor, kind: before[key] == nil ? .added : after[key] == nil ? .removed : .changed,
                weeks: newWeeks.differences(from: oldWeeks), observations: newWeeks.observations - oldWeeks.observations)
        }
        return differences.sorted { ($0.device, $0.sensor) < ($1.device, $1.sensor) }
    }
}
