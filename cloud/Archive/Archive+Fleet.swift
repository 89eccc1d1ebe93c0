package import Measures
internal import Observing
package import Wire

/// Reads the fleet one page at a time: the cost and the size of a page do not grow with the fleet.
extension Archive {
    /// A device as the page and the API show it.
    package struct DeviceView: Sendable {
        package let device: Device
        package var report: DeviceReport?
        package var sensors: [SensorView] = []
        package let condition: DeviceCondition
        package var hasDuplicateHost = false  // two hosts send as this device
        package var faults: [String] = []  // messages about damaged or edited rows
    }

    package struct SensorView: Sendable {
        package let sensor: Sensor
        package let last: Observation?
        package let pressurePa: Int32?  // mean of the newest bin
        package let flags: ReadingFlags  // of the newest bin
        package var condition: SensorCondition
        package let hasObservation: Bool  // at least one bin is complete, so a forecast can be made
        package var rejected: (at: Instant, humidityMpct: Int32?)?  // the newest reading, if its value is impossible for air
    }

    /// The order of a fleet's pages.
    package enum FleetOrder: Sendable { case worstFirst, name }

    /// The end of a page: the next page begins after this position.
    package struct FleetCursor: Sendable, Equatable {
        let rank: Int64  // of `Severity`; -1 if the order is by name
        let name: String

        /// - Parameter text: a cursor as `description` writes it.
        package init?(_ text: String, _ order: FleetOrder) {
            guard order == .worstFirst else {
                guard DeviceID(text) != nil else { return nil }
                (rank, name) = (-1, text)
                return
            }
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2, let rank = Int64(parts[0]), DeviceID(parts[1]) != nil else { return nil }
            (self.rank, name) = (rank, parts[1])
        }

        init(rank: Int64, name: String) { (self.rank, self.name) = (rank, name) }
    }

    private static let sensorsPerPage = 5_000

    /// - Parameters:
    ///   - cursor: the cursor of the previous page; `nil` for the first page.
    ///   - limit: the most devices on the page; a page has fewer devices if they have very many sensors.
    /// - Returns: the devices, and the cursor of the next page if there are more.
    package func fleet(_ order: FleetOrder = .worstFirst, after cursor: FleetCursor?, limit: Int, now: Instant) throws -> (
        devices: [DeviceView], next: FleetCursor?
    ) {
        let isByName = order == .name
        let after = DatabaseValue.text(cursor?.name ?? "")
        var views: [DeviceView] = []
        var (sensors, last) = (0, FleetCursor(rank: -1, name: ""))
        var isComplete = true
        try database.forEachRow(
            "SELECT \(Archive.deviceColumns), report, severity_rank FROM device WHERE "
                + (isByName ? "name > ? ORDER BY name" : "(severity_rank, name) > (?, ?) ORDER BY severity_rank, name"),
            isByName ? [after] : [.integer(cursor?.rank ?? -1), after]
        ) { row in
            guard let device = Archive.device(row) else { return true }
            isComplete = views.count < limit && sensors <= Archive.sensorsPerPage
            guard isComplete else { return false }
            let view = try view(device, report: row.isNull(5) ? nil : row.bytes(5), now: now)
            sensors += view.sensors.count
            views.append(view)
            last = FleetCursor(rank: isByName ? -1 : row.integer(6), name: device.name.name)
            return true
        }
        return (views, isComplete ? nil : last)
    }

    package func view(named name: DeviceID, now: Instant) throws -> DeviceView? {
        guard let device = try device(named: name) else { return nil }
        let row = try database.row("SELECT report FROM device WHERE id = ? AND report IS NOT NULL", device.id)
        return try view(device, report: row?.bytes(0), now: now)
    }

    private func view(_ device: Device, report bytes: [UInt8]?, now: Instant) throws -> DeviceView {
        var faults: [String] = []
        var report: DeviceReport?
        if let bytes {
            do { report = try ReportCoding.report(bytes[...]) } catch {
                faults.append("device \(device.id) («\(device.name)»): its report cannot be read: \(error)")
            }
        }
        let facts = try facts(device, report: report, now: now)
        var view = DeviceView(device: device, report: report, condition: Archive.condition(facts, now: now))
        (view.hasDuplicateHost, view.faults) = (facts.duplicateHostSince != nil, faults)
        for row in try database.rows(
            """
            SELECT \(Archive.sensorColumns), o.valid_at_ms, o.readings, o.humidity_sum_mpct, o.temperature_readings, o.temperature_sum_mc,
                n.pressure_readings, n.pressure_sum_pa, n.flags, \(Archive.sensorState)
            FROM device JOIN sensor s ON s.device = device.id
            LEFT JOIN observation_bin o ON o.sensor = s.id AND o.valid_at_ms = (
                SELECT valid_at_ms FROM (SELECT valid_at_ms, readings FROM observation_bin WHERE sensor = s.id ORDER BY valid_at_ms DESC LIMIT 1000) recent
                WHERE readings > 0 ORDER BY valid_at_ms DESC LIMIT 1)
            LEFT JOIN observation_bin n ON n.sensor = s.id AND n.valid_at_ms = (
                SELECT valid_at_ms FROM observation_bin WHERE sensor = s.id ORDER BY valid_at_ms DESC LIMIT 1)
            WHERE device.id = ? AND \(Archive.isShown) ORDER BY s.name
            """, device.id
        ) {
            do { view.sensors.append(try Archive.sensorView(row, report, now)) } catch { view.faults.append("\(error)") }
        }
        return view
    }

    private static func sensorView(_ row: Row, _ report: DeviceReport?, _ now: Instant) throws -> SensorView {
        let sensor = try sensor(row)
        var bin = Bin(validAt: Instant(ms: row.integer(8)))
        (bin.count, bin.humiditySumMpct) = (row.integer(9), row.integer(10))
        (bin.temperatureCount, bin.temperatureSumMc) = (row.integer(11), row.integer(12))
        (bin.pressureCount, bin.pressureSumPa) = (row.integer(13), row.integer(14))
        guard row.isNull(8) || bin.isPlausible else { throw ArchiveFault.damagedBin(sensor: sensor.id, validAt: bin.validAt) }
        // The time of an open bin is its end, which lies in the future.
        let last = bin.observation.map {
            Observation(validAt: min($0.validAt, sensor.lastAt ?? $0.validAt), humidity: $0.humidity, temperature: $0.temperature)
        }
        let reported = report?.sensors.first { $0.sensor == sensor.name }
        var condition = reported?.condition ?? SensorCondition(SensorState(rawValue: UInt8(truncatingIfNeeded: row.integer(16))) ?? .ok)
        if reported == nil, condition.state == .failing {
            condition = SensorCondition(.failing, since: sensor.lastAt, detail: "its newest readings are impossible for air and are not used")
        }
        // The times of a replayed recording are not wall-clock times.
        if sensor.kind != "replay" {
            // Uses the age of the shown value: this value may be old while the device's report is new.
            condition = condition.aged(newestAt: last?.validAt ?? reported?.newestAt, now: now, spacing: sensor.grid.step)
        }
        return SensorView(
            sensor: sensor, last: last,
            pressurePa: bin.pressureCount > 0 ? Int32(clamping: Bin.mean(bin.pressureSumPa, bin.pressureCount)) : nil,
            flags: ReadingFlags(rawValue: UInt16(truncatingIfNeeded: row.integer(15))), condition: condition,
            hasObservation: last != nil && (sensor.observations > 1 || bin.validAt <= sensor.lastAt ?? Instant(ms: .min)),
            rejected: reported.flatMap { report in
                guard report.condition.state == .failing, let at = report.newestAt, report.rejectedMpct != nil else { return nil }
                return (at, report.rejectedMpct)
            })
    }

    /// The number of devices that have used up today's quota.
    package func overQuotaDeviceCount(now: Instant) throws -> Int64 {
        try database.integer("SELECT COUNT(*) FROM device_log WHERE day = ? AND day_bytes >= ?", now.ms / 86_400_000, limits.bytesPerDay) ?? 0
    }
}

extension Archive.FleetCursor: CustomStringConvertible {
    package var description: String { rank < 0 ? name : "\(rank):\(name)" }
}
