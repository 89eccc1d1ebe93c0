internal import Measures
internal import SQLite
internal import Wire

/// The names of sensors that a device has used. They are counted against its quota.
extension Archive {
    /// Admits the names as far as the quota reaches.
    /// - Returns: those that are beyond it: rows that bring them are refused.
    func unadmitted(_ names: Set<SensorName>, _ device: Int64) throws -> Set<SensorName> {
        var known = try admittedNames(device)
        let new = names.subtracting(known)
        guard !new.isEmpty else { return [] }
        // In a fixed order, so that a repeat of the batch admits the same ones.
        let admitted = new.sorted { $0.name < $1.name }.prefix(max(0, limits.sensorsPerDevice - known.count))
        var insert = try database.prepare("INSERT INTO sensor_name VALUES (?, ?) ON CONFLICT DO NOTHING")
        for name in admitted {
            try insert.bind(device, at: 1)
            try insert.bind(name.name, at: 2)
            try insert.run()
        }
        known.formUnion(admitted)
        admittedNames[device] = nil  // read anew after the transaction: it may be rolled back
        return new.subtracting(known)
    }

    /// Read once for each device; few devices have many names, and the whole cache is small.
    private func admittedNames(_ device: Int64) throws -> Set<SensorName> {
        if let cached = admittedNames[device] { return cached }
        var select = try database.prepare("SELECT name FROM sensor_name WHERE device = ?")
        try select.bind(device, at: 1)
        var names: Set<SensorName> = []
        while try select.step() { if let name = SensorName(select.text(0)) { names.insert(name) } }
        if admittedNames.count >= Archive.cachedDevices { admittedNames = [:] }
        admittedNames[device] = names
        return names
    }
}

extension BatchFrame {
    /// Names under which its rows give readings or announce a sensor.
    var names: Set<SensorName> {
        var names = Set(sensors)
        for (_, record) in records { if let name = record.newName { names.insert(name) } }
        return names
    }
}

extension Record {
    /// The name of a sensor that the record makes known.
    var newName: SensorName? {
        switch self {
        case .sensor(let sensor): sensor.sensor
        case .rename(let rename): rename.name
        case .hole, .clockCorrection, .calibration: nil
        }
    }
}
