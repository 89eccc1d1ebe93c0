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
        package var tags: [String] = []
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

    /// Which devices a fleet's pages show.
    package struct FleetFilter: Sendable {
        package var state: DeviceState?
        package var text: String?  // a part of the device's name or place; upper and lower case are the same
        package var tag: String?

        package init(state: DeviceState? = nil, text: String? = nil, tag: String? = nil) { (self.state, self.text, self.tag) = (state, text, tag) }
    }

    private static let sensorsPerPage = 5_000
    private static let devicesPerQuery = 50

    /// - Parameters:
    ///   - cursor: the cursor of the previous page; `nil` for the first page.
    ///   - limit: the most devices on the page; a page has fewer devices if they have very many sensors.
    /// - Returns: the devices, and the cursor of the next page if there are more.
    package func fleet(
        _ order: FleetOrder = .worstFirst, _ filter: FleetFilter = FleetFilter(), after cursor: FleetCursor?, limit: Int, now: Instant
    ) throws -> (devices: [DeviceView], next: FleetCursor?) {
        let rows = try devicePage(order, filter, after: cursor, limit: limit + 1)
        var views: [DeviceView] = []
        var (sensors, read) = (0, 0)
        for start in stride(from: 0, to: min(limit, rows.count), by: Archive.devicesPerQuery) where sensors <= Archive.sensorsPerPage {
            let part = rows[start..<min(start + Archive.devicesPerQuery, limit, rows.count)]
            let new = try self.views(Array(part), now: now)
            sensors += new.reduce(0) { $0 + $1.sensors.count }
            views += new
            read += part.count
        }
        // A cursor ends with a valid name: rows with a damaged name after it are read again, and left out again.
        guard read < rows.count, let last = rows[..<read].last(where: { Archive.device($0) != nil }) ?? rows[..<read].last else {
            return (views, nil)
        }
        return (views, FleetCursor(rank: order == .name ? -1 : last.integer(7), name: last.text(1)))
    }

    private static let pageColumns = "\(deviceColumns), device.report, device.severity_rank, device.refused_at_ms, device.refused_detail"

    private func devicePage(_ order: FleetOrder, _ filter: FleetFilter, after cursor: FleetCursor?, limit: Int) throws -> [Row] {
        var conditions = ["id NOT IN (SELECT device FROM device_deletion)"]
        var values: [DatabaseValue] = []
        if let state = filter.state {
            conditions.append("state = ?")
            values.append(.integer(Int64(state.rawValue)))
        }
        if let text = filter.text {
            conditions.append("(LOWER(name) LIKE ? ESCAPE '!' OR LOWER(place) LIKE ? ESCAPE '!')")
            let escaped = text.lowercased().map { "!%_".contains($0) ? "!\($0)" : String($0) }.joined()
            values += [.text("%\(escaped)%"), .text("%\(escaped)%")]
        }
        if let tag = filter.tag {
            conditions.append("id IN (SELECT device FROM device_tag WHERE tag = ?)")
            values.append(.text(tag))
        }
        switch order {
        case .name:
            conditions.append("name > ?")
            values.append(.text(cursor?.name ?? ""))
        case .worstFirst:
            conditions.append("(severity_rank, name) > (?, ?)")
            values += [.integer(cursor?.rank ?? -1), .text(cursor?.name ?? "")]
        }
        values.append(.integer(Int64(limit)))
        return try database.rows(
            "SELECT \(Archive.pageColumns) FROM device WHERE \(conditions.joined(separator: " AND ")) "
                + "ORDER BY \(order == .name ? "name" : "severity_rank, name") LIMIT ?", values)
    }

    package func view(named name: DeviceID, now: Instant) throws -> DeviceView? {
        try views(database.rows("SELECT \(Archive.pageColumns) FROM device WHERE name = ?", name.name), now: now).first
    }

    /// - Parameter names: at most a few hundred.
    package func views(named names: [DeviceID], now: Instant) throws -> [DeviceView] {
        let rows = try database.rowsEach("SELECT \(Archive.pageColumns) FROM device WHERE name = ?", names.map { [.text($0.name)] })
        return try views(Array(rows.joined()), now: now)
    }

    /// One call for each table, whatever the number of devices.
    /// - Parameter rows: rows of `pageColumns`; rows with an invalid name are left out.
    private func views(_ rows: [Row], now: Instant) throws -> [DeviceView] {
        var faults: [Int64: String] = [:]
        var known: [(device: Device, report: DeviceReport?, refusal: DeviceFacts.Refusal?)] = []
        for row in rows {
            guard let device = Archive.device(row) else { continue }
            var report: DeviceReport?
            if !row.isNull(6) {
                do { report = try ReportCoding.report(row.bytes(6)[...]) } catch {
                    faults[device.id] = "device \(device.id) («\(device.name)»): its report cannot be read: \(error)"
                }
            }
            known.append((device, report, DeviceFacts.Refusal(row, 8)))
        }
        let facts = try facts(known, now: now)
        let sensors = try database.rowsEach(Archive.selectSensorViews, known.map { [.integer($0.device.id)] })
        let tags = try database.rowsEach("SELECT tag FROM device_tag WHERE device = ? ORDER BY tag", known.map { [.integer($0.device.id)] })
        return zip(zip(facts, tags), sensors).map { device, rows in
            let (facts, tags) = device
            var view = DeviceView(device: facts.device, report: facts.report, condition: Archive.condition(facts, now: now))
            view.tags = tags.map { $0.text(0) }
            view.hasDuplicateHost = facts.duplicateHostSince != nil
            view.faults = faults[facts.device.id].map { [$0] } ?? []
            for row in rows {
                do { view.sensors.append(try Archive.sensorView(row, facts.report, now)) } catch { view.faults.append("\(error)") }
            }
            return view
        }
    }

    private static let selectSensorViews = """
        SELECT \(Archive.sensorColumns), o.valid_at_ms, o.readings, o.humidity_sum_mpct, o.temperature_readings, o.temperature_sum_mc,
            n.pressure_readings, n.pressure_sum_pa, n.flags, \(Archive.sensorState)
        FROM device JOIN sensor s ON s.device = device.id
        LEFT JOIN observation_bin o ON o.device = s.device AND o.sensor = s.id AND o.valid_at_ms = (
            SELECT valid_at_ms FROM (
                SELECT valid_at_ms, readings FROM observation_bin WHERE device = s.device AND sensor = s.id ORDER BY valid_at_ms DESC LIMIT 1000) recent
            WHERE readings > 0 ORDER BY valid_at_ms DESC LIMIT 1)
        LEFT JOIN observation_bin n ON n.device = s.device AND n.sensor = s.id AND n.valid_at_ms = (
            SELECT valid_at_ms FROM observation_bin WHERE device = s.device AND sensor = s.id ORDER BY valid_at_ms DESC LIMIT 1)
        WHERE device.id = ? AND \(Archive.isShown) ORDER BY s.name
        """

    private static func sensorView(_ row: Row, _ report: DeviceReport?, _ now: Instant) throws -> SensorView {
        let sensor = try sensor(row)
        var bin = Bin(validAt: Instant(ms: row.integer(9)))
        (bin.count, bin.humiditySumMpct) = (row.integer(10), row.integer(11))
        (bin.temperatureCount, bin.temperatureSumMc) = (row.integer(12), row.integer(13))
        (bin.pressureCount, bin.pressureSumPa) = (row.integer(14), row.integer(15))
        guard row.isNull(9) || bin.isPlausible else { throw ArchiveFault.damagedBin(sensor: sensor.id, validAt: bin.validAt) }
        // The time of an open bin is its end, which lies in the future.
        let last = bin.observation.map {
            Observation(validAt: min($0.validAt, sensor.lastAt ?? $0.validAt), humidity: $0.humidity, temperature: $0.temperature)
        }
        let reported = report?.sensors.first { $0.sensor == sensor.name }
        var condition = reported?.condition ?? SensorCondition(SensorState(rawValue: UInt8(truncatingIfNeeded: row.integer(17))) ?? .ok)
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
            flags: ReadingFlags(rawValue: UInt16(truncatingIfNeeded: row.integer(16))), condition: condition,
            hasObservation: last != nil && (sensor.observations > 1 || bin.validAt <= sensor.lastAt ?? Instant(ms: .min)),
            rejected: reported.flatMap { report in
                guard report.condition.state == .failing, let at = report.newestAt, report.rejectedMpct != nil else { return nil }
                return (at, report.rejectedMpct)
            })
    }

    /// The number of devices that have used up today's quota.
    package func overQuotaDeviceCount(now: Instant) throws -> Int64 {
        // The index `device_log_large` has only the devices above a megabyte: few devices send so much.
        let isIndexed = limits.bytesPerDay >= 1_000_000
        return try database.integer(
            "SELECT COUNT(*) FROM device_log WHERE day = ? AND day_bytes >= ?\(isIndexed ? " AND day_bytes >= 1000000" : "")",
            now.ms / 86_400_000, limits.bytesPerDay) ?? 0
    }
}

extension Archive.FleetCursor: CustomStringConvertible {
    package var description: String { rank < 0 ? name : "\(rank):\(name)" }
}
