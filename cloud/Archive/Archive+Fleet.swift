package import Measures
internal import Observing
internal import SQLite
package import Wire

/// The fleet a page at a time: its cost and its size do not grow with the fleet.
extension Archive {
    /// A device as people see it.
    package struct DeviceView: Sendable {
        package let device: Device
        package var report: DeviceReport?
        package var sensors: [SensorView] = []
        package var isTwoHosts = false  // two hosts send as this device
        package var faults: [String] = []  // rows that no program has written, by name
    }

    package struct SensorView: Sendable {
        package let sensor: Sensor
        package let last: Observation?
        package let pressurePa: Int32?  // of the newest bin, like the flags
        package let flags: ReadingFlags
    }

    private static let sensorsPerPage = 5_000

    /// - Parameters:
    ///   - device: the page begins after it.
    ///   - limit: devices; fewer where they have very many sensors.
    /// - Returns: by name, and the last one's name if there are more.
    package func fleet(after device: DeviceID?, limit: Int) throws -> (devices: [DeviceView], next: DeviceID?) {
        var select = try database.prepare(
            "SELECT \(Archive.deviceColumns), report FROM device WHERE name > ? ORDER BY name")
        try select.bind(device?.name ?? "", at: 1)
        let twoHosts = try devicesOfTwoHosts()
        var views: [DeviceView] = []
        var sensors = 0
        while try select.step() {
            guard let device = Archive.device(select) else { continue }
            if views.count == limit || sensors > Archive.sensorsPerPage { return (views, views.last?.device.name) }
            let view = try view(device, report: select.isNull(5) ? nil : select.blob(5), isTwoHosts: twoHosts.contains(device.id))
            sensors += view.sensors.count
            views.append(view)
        }
        return (views, nil)
    }

    package func view(named name: DeviceID) throws -> DeviceView? {
        guard let device = try device(named: name) else { return nil }
        var select = try database.prepare("SELECT report FROM device WHERE id = ?")
        try select.bind(device.id, at: 1)
        let report = try select.step() && !select.isNull(0) ? select.blob(0) : nil
        return try view(device, report: report, isTwoHosts: devicesOfTwoHosts().contains(device.id))
    }

    private func view(_ device: Device, report: [UInt8]?, isTwoHosts: Bool) throws -> DeviceView {
        var view = DeviceView(device: device)
        view.isTwoHosts = isTwoHosts
        if let report {
            do { view.report = try ReportCoding.report(report[...]) } catch {
                view.faults.append("device \(device.id) («\(device.name)»): its report cannot be read: \(error)")
            }
        }
        var select = try database.prepare(
            """
            SELECT \(Archive.sensorColumns), o.valid_at_ms, o.readings, o.humidity_sum_mpct, o.temperature_readings, o.temperature_sum_mc,
                n.pressure_readings, n.pressure_sum_pa, n.flags
            FROM device JOIN sensor s ON s.device = device.id
            LEFT JOIN observation_bin o ON o.sensor = s.id AND o.valid_at_ms = (
                SELECT valid_at_ms FROM (SELECT valid_at_ms, readings FROM observation_bin WHERE sensor = s.id ORDER BY valid_at_ms DESC LIMIT 1000)
                WHERE readings > 0 ORDER BY valid_at_ms DESC LIMIT 1)
            LEFT JOIN observation_bin n ON n.sensor = s.id AND n.valid_at_ms = (
                SELECT valid_at_ms FROM observation_bin WHERE sensor = s.id ORDER BY valid_at_ms DESC LIMIT 1)
            WHERE device.id = ? AND \(Archive.isShown) ORDER BY s.name
            """)
        try select.bind(device.id, at: 1)
        while try select.step() {
            do { view.sensors.append(try Archive.sensorView(select)) } catch { view.faults.append("\(error)") }
        }
        return view
    }

    private static func sensorView(_ row: borrowing Statement) throws -> SensorView {
        let sensor = try sensor(row)
        var bin = Bin(validAt: Instant(ms: row.integer(8)))
        (bin.count, bin.humiditySumMpct) = (row.integer(9), row.integer(10))
        (bin.temperatureCount, bin.temperatureSumMc) = (row.integer(11), row.integer(12))
        (bin.pressureCount, bin.pressureSumPa) = (row.integer(13), row.integer(14))
        guard row.isNull(8) || bin.isPlausible else { throw DamagedBin(sensor: sensor.id, validAt: bin.validAt) }
        // A bin that is still open bears the time of its end, which is yet to come.
        let last = bin.observation.map {
            Observation(validAt: min($0.validAt, sensor.lastAt ?? $0.validAt), humidity: $0.humidity, temperature: $0.temperature)
        }
        return SensorView(
            sensor: sensor, last: last,
            pressurePa: bin.pressureCount > 0 ? Int32(clamping: Bin.mean(bin.pressureSumPa, bin.pressureCount)) : nil,
            flags: ReadingFlags(rawValue: UInt16(truncatingIfNeeded: row.integer(15))))
    }

    /// Devices whose day's quota is used up.
    package func devicesOverQuota(now: Instant) throws -> Int64 {
        var select = try database.prepare("SELECT COUNT(*) FROM device_log WHERE day = ? AND day_bytes >= ?")
        try select.bind(now.ms / 86_400_000, at: 1)
        try select.bind(limits.bytesPerDay, at: 2)
        return try select.step() ? select.integer(0) : 0
    }
}
