package import Measures
internal import Observing
internal import SQLite
internal import Text
internal import Wire

/// How a sensor is, as far as its stored readings tell.
package struct SensorStatus: Sendable {
    package let id: Int64
    package let record: SensorRecord
    package let condition: SensorCondition  // does not consider age until `aged` is called
    package let newest: Reading?  // calibrated
    package let good: Reading?  // the newest that passed quality control, calibrated
    package let isUnreadable: Bool  // the last try to read it failed
    package let spacing: Duration?  // of the newest readings, where the sensor sets its own pace

    /// The last good value. Old or not: `condition` tells.
    package var last: Observation? { good.flatMap(SensorStatus.observation) }

    /// The newest reading, if the sensor is failing and the reading is newer than the last good one. It is shown but not used.
    package var rejected: Reading? {
        guard let newest, condition.state == .failing, newest.takenAt > good?.takenAt ?? Instant(ms: .min) else { return nil }
        return newest
    }

    fileprivate static func observation(_ reading: Reading) -> Observation? {
        guard case .passed(let humidity, let temperature) = QualityControl.judge(reading) else { return nil }
        return Observation(validAt: reading.takenAt, humidity: humidity, temperature: temperature)
    }

    /// This status with `stale` where the sensor has been quiet for too long.
    /// - Parameter now: of the clock that dates the sensor's readings.
    package func aged(at now: Instant, period: Duration) -> SensorStatus {
        // A replay has its own clock: its sensors never become stale.
        if record.kind == "replay" { return self }
        return with(condition.aged(newestAt: newest?.takenAt, now: now, spacing: max(period, spacing ?? .zero)))
    }

    func report(scores: [LiveScore]) -> SensorReport {
        SensorReport(
            sensor: record.sensor, condition: condition, newestAt: newest?.takenAt, rejectedMpct: rejected?.humidityMpct, scores: scores)
    }

    func with(_ condition: SensorCondition) -> SensorStatus {
        SensorStatus(id: id, record: record, condition: condition, newest: newest, good: good, isUnreadable: isUnreadable, spacing: spacing)
    }
}

extension SensorCondition {
    /// As the store keeps it: state, instant and detail.
    var stored: String { "\(state.name) \(since.map { String($0.ms) } ?? "-") \(detail ?? "")" }

    /// - Parameter stored: earlier programs wrote the state alone.
    init(stored: String) {
        let parts = stored.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        let since = parts.count > 1 ? Int64(parts[1]).map(Instant.init(ms:)) : nil
        self.init(SensorState(name: parts[0]) ?? .ok, since: since, detail: parts.count > 2 ? parts[2] : nil)
    }
}

extension ReadingStore {
    /// - Parameter recent: readings and failures of this run, which may be newer than what is stored.
    package func sensorStatuses(_ recent: NewestReadings? = nil) throws -> [SensorStatus] {
        var select = try database.prepare("SELECT id, record, state FROM sensor WHERE state <> '\(Self.renamedState)' ORDER BY name")
        var statuses: [SensorStatus] = []
        while try select.step() {
            guard case .sensor(let record) = try RecordCoding.record(select.blob(1)) else { continue }
            statuses.append(try status(select.integer(0), record, SensorCondition(stored: select.text(2)), recent?.of(record.sensor)))
        }
        return statuses
    }

    private func status(_ id: Int64, _ record: SensorRecord, _ stored: SensorCondition, _ recent: NewestReadings.Entry?) throws -> SensorStatus {
        func calibrated(_ reading: Reading?) -> Reading? { reading.map { calibrations.corrected($0, of: record.sensor) } }
        // What came in this run is newer than what is stored.
        let newest = calibrated(recent?.newest ?? newestReadings[id])
        // A calibration may bring back what the sensor said beyond the range, or take a value out of it.
        let good = [newest, calibrated(recent?.good ?? goodReadings[id])].compactMap(\.self).first { SensorStatus.observation($0) != nil }
        var condition = newest.map { SensorJudgement.condition(newest: $0, spellStart: nil) } ?? .ok
        if [.flat, .saturated].contains(condition.state), let newest {
            condition.since = try spellStart(sensor: id, newest: newest, condition.state)
        } else {
            spells[id] = nil
        }
        if condition.state == .failing, let lastGood = good?.takenAt { condition.since = lastGood }
        // With `recent`: the sampler's current failure. Without (commands that only read): the failure stored last.
        let failure = recent == nil && stored.state == .failing ? stored : recent?.failure
        if let failure { condition = failure }
        var spacing: Duration?
        if record.kind == "command", let newest {
            let before = try recent?.previousAt ?? rawReadings(sensor: id, limit: 2).first?.takenAt
            spacing = before.map { min(record.step, newest.takenAt - $0) }
        }
        return SensorStatus(
            id: id, record: record, condition: condition, newest: newest, good: good, isUnreadable: failure != nil, spacing: spacing)
    }

    /// The start of the current flat or saturated spell, cached until the spell ends.
    private func spellStart(sensor: Int64, newest: Reading, _ state: SensorState) throws -> Instant {
        if let known = spells[sensor], known.state == state { return known.since }
        // In a replay the newest reading can be ahead of its observation: do not cache, look again next time.
        guard let since = try steadySince(sensor: sensor, mpct: newest.humidityMpct ?? 0) else { return newest.takenAt }
        spells[sensor] = (state, since)
        return since
    }

    /// Since when a sensor's observations have had one value.
    /// - Parameter mpct: that value, calibrated, in thousandths of a percent.
    /// - Returns: the start of the first bin of the unbroken run of this value; `nil` if the newest bin has another value.
    func steadySince(sensor: Int64, mpct: Int32) throws -> Instant? {
        let value = Int64(max(0, min(100_000, mpct)))
        var select = try database.prepare("SELECT valid_at_ms, humidity_mpct FROM observation WHERE sensor = ? ORDER BY valid_at_ms DESC")
        try select.bind(sensor, at: 1)
        var first: Instant?
        while try select.step(), select.integer(1) == value { first = Instant(ms: select.integer(0)) }
        guard let first, case .sensor(let record)? = try self.record(ofSensor: sensor) else { return nil }
        return first - record.step
    }

    /// The newest raw value and the start of its unbroken run of equal observations.
    func flatLine(of name: SensorName) throws -> (mpct: Int32, at: Instant, since: Instant, isFlagged: Bool)? {
        guard let id = sensors[name], let newest = newestReadings[id], let said = newest.humidityMpct,
            let value = calibrations.corrected(newest, of: name).humidityMpct, let since = try steadySince(sensor: id, mpct: value)
        else { return nil }
        return (said, newest.takenAt, since, newest.flags.contains(.flat))
    }

    private func record(ofSensor id: Int64) throws -> Record? {
        var select = try database.prepare("SELECT record FROM sensor WHERE id = ?")
        try select.bind(id, at: 1)
        return try select.step() ? try RecordCoding.record(select.blob(0)) : nil
    }
}
