internal import Measures
internal import Wire

/// The sensor names that a device has used. The names count against the device's quota.
extension Archive {
    /// Stores new sensor names up to the quota.
    /// - Returns: the names beyond the quota; rows with these names are refused.
    func admitSensorNames(_ names: Set<SensorName>, _ device: Int64) throws -> Set<SensorName> {
        var known = try ledger(device).names
        let new = names.subtracting(known)
        guard !new.isEmpty else { return [] }
        // In a fixed order, so that a repeat of the batch admits the same names.
        let admitted = new.sorted { $0.name < $1.name }.prefix(max(0, limits.sensorsPerDevice - known.count))
        try database.changeEach(
            "INSERT INTO sensor_name VALUES (?, ?) ON CONFLICT DO NOTHING", admitted.map { [.integer(device), .text($0.name)] })
        known.formUnion(admitted)
        ledgers[device]?.names = known
        return new.subtracting(known)
    }
}

extension BatchFrame {
    /// The sensor names of the batch's readings, and the names that its records introduce.
    var names: Set<SensorName> {
        var names = Set(sensors)
        for (_, record) in records { if let name = record.newName { names.insert(name) } }
        return names
    }
}

extension Record {
    /// The sensor name that the record introduces.
    var newName: SensorName? {
        switch self {
        case .sensor(let sensor): sensor.sensor
        case .rename(let rename): rename.name
        case .hole, .clockCorrection, .calibration: nil
        }
    }
}
