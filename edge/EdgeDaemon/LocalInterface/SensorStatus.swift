package import EdgeStore
package import Measures
internal import Observing
internal import Synchronization
internal import Wire

/// The status of a sensor, from its stored readings.
package struct SensorStatus: Sendable {
    package let id: Int64
    package let record: SensorRecord
    package let condition: SensorCondition  // ignores age until `aged` is called
    package let newest: Reading?  // calibrated
    package let newestPassed: Reading?  // the newest reading that passed quality control, calibrated
    package let isUnreadable: Bool  // the last read failed
    package let spacing: Duration?  // spacing of the newest readings, if the sensor sets its own pace

    /// The last good value, of any age; `condition` shows whether the value is stale.
    package var last: Observation? { newestPassed.flatMap(SensorStatus.observation) }

    /// The newest reading, if the sensor is failing and the reading is newer than the last good one. The reading is shown but not used.
    package var rejected: Reading? {
        guard let newest, condition.state == .failing, newest.takenAt > newestPassed?.takenAt ?? Instant(ms: .min) else { return nil }
        return newest
    }

    static func observation(_ reading: Reading) -> Observation? {
        guard case .passed(let humidity, let temperature) = QualityControl.check(reading) else { return nil }
        return Observation(validAt: reading.takenAt, humidity: humidity, temperature: temperature)
    }

    /// This status with the condition `stale` if the sensor has been silent for too long.
    /// - Parameter now: the time of the clock that dates the sensor's readings.
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
        SensorStatus(
            id: id, record: record, condition: condition, newest: newest, newestPassed: newestPassed, isUnreadable: isUnreadable, spacing: spacing)
    }
}

extension SensorCondition {
    /// The stored text: state, instant and detail.
    var stored: String { "\(state.name) \(since.map { String($0.ms) } ?? "-") \(detail ?? "")" }

    /// - Parameter stored: earlier versions stored only the state.
    init(stored: String) {
        let parts = stored.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        let since = parts.count > 1 ? Int64(parts[1]).map(Instant.init(ms:)) : nil
        self.init(SensorState(name: parts[0]) ?? .ok, since: since, detail: parts.count > 2 ? parts[2] : nil)
    }
}

/// The status of all sensors, from the stored readings and from the readings and failures of this run, which may be newer.
package final class SensorStatuses: Sendable {
    private let store: ReadingStore
    private let recent: NewestReadings?
    /// Since when a sensor is flat or saturated (a spell). Kept here, so that the observations are searched only once per spell.
    private let spells = Mutex<[SensorName: (state: SensorState, since: Instant)]>([:])

    /// - Parameter recent: `nil` for commands that only read the store.
    package init(store: ReadingStore, recent: NewestReadings? = nil) { (self.store, self.recent) = (store, recent) }

    package func all() async throws -> [SensorStatus] {
        let known = spells.withLock { $0 }
        let (statuses, found) = try await store.read { [recent] tables in
            var found: [SensorName: (state: SensorState, since: Instant)] = [:]
            let statuses = try tables.sensors.all().map { stored in
                let reader = StatusReader(tables: tables, stored: stored, recent: recent?.of(stored.record.sensor))
                return try reader.status(spell: known[stored.record.sensor]) { found[stored.record.sensor] = $0 }
            }
            return (statuses, found)
        }
        spells.withLock { $0 = found }
        return statuses
    }
}

/// Determines one sensor's status.
private struct StatusReader {
    let tables: StoreTables
    let stored: SensorTable.Stored
    let recent: NewestReadings.Entry?

    private func calibrated(_ reading: Reading?) -> Reading? { reading.map { tables.corrections.calibrated($0, of: stored.record.sensor) } }

    typealias Spell = (state: SensorState, since: Instant)

    /// - Parameter onSpell: called with the current spell of the sensor.
    func status(spell: Spell?, onSpell: (Spell) -> Void) throws -> SensorStatus {
        let record = stored.record
        // Readings of this run are newer than stored ones.
        let newest = calibrated(recent?.newest ?? tables.log.newest[stored.id])
        // A calibration may move a reading into the valid range or out of it.
        let newestPassed = [newest, calibrated(recent?.newestPassed ?? tables.log.newestPassed[stored.id])].compactMap(\.self).first {
            SensorStatus.observation($0) != nil
        }
        var condition = newest.map { SensorConditionRule.condition(newest: $0, spellStart: nil) } ?? .ok
        if [.flat, .saturated].contains(condition.state), let newest {
            condition.since = try start(of: condition.state, newest, spell, onSpell)
        }
        if condition.state == .failing, let lastGood = newestPassed?.takenAt { condition.since = lastGood }
        // In the daemon, use the current failure of the sampler; in commands, the last stored failure.
        let last = SensorCondition(stored: stored.condition)
        let failure = recent == nil && last.state == .failing ? last : recent?.failure
        if let failure { condition = failure }
        return SensorStatus(
            id: stored.id, record: record, condition: condition, newest: newest, newestPassed: newestPassed, isUnreadable: failure != nil,
            spacing: try spacing(newest))
    }

    private func start(of state: SensorState, _ newest: Reading, _ spell: Spell?, _ onSpell: (Spell) -> Void) throws -> Instant {
        if let spell, spell.state == state {
            onSpell(spell)
            return spell.since
        }
        // In a replay the newest reading can be ahead of its observation: search again at the next call.
        guard let first = try tables.observations.startOfEqualRun(newest.humidityMpct ?? 0, of: stored.id) else { return newest.takenAt }
        onSpell((state, first - stored.record.step))
        return first - stored.record.step
    }

    /// The spacing of the two newest readings, for a sensor that sets its own pace.
    private func spacing(_ newest: Reading?) throws -> Duration? {
        guard stored.record.kind == "command", let newest else { return nil }
        let before = try recent?.previousAt ?? tables.newestReadings(of: stored.record.sensor, limit: 2).first?.takenAt
        return before.map { min(stored.record.step, newest.takenAt - $0) }
    }
}

extension ReadingStore {
    /// The quality state from a sensor's earlier readings: an unfinished spell of equal values.
    func unfinishedSpell(of name: SensorName) throws -> QualityTracking {
        try read { tables in
            guard let id = tables.sensors.ids[name], let newest = tables.log.newest[id], let rawHumidity = newest.humidityMpct,
                let value = tables.corrections.calibrated(newest, of: name).humidityMpct, let record = try tables.sensors.record(of: id),
                let first = try tables.observations.startOfEqualRun(value, of: id)
            else { return QualityTracking() }
            return QualityTracking(last: rawHumidity, at: newest.takenAt, flatSince: first - record.step, isFlagged: newest.flags.contains(.flat))
        }
    }

    /// Stores the condition that the sampler found, for commands and for the next start.
    func setCondition(_ condition: SensorCondition, of sensor: SensorName) throws {
        try write { try $0.sensors.setCondition(condition.stored, of: sensor) }
    }
}
