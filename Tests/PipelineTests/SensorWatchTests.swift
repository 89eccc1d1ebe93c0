import ArchiveExamples
import Examples
import Measures
import Randomness
import Runtime
import Testing
import Watch

@testable import Archive
@testable import Pipeline

@Suite(.timeLimit(.minutes(2))) struct SensorWatchTests {
    private let place = TemporaryArchive()
    private let firstDay: Int64 = 18_600
    private let days: Int64 = 260
    private let attribution = Archive.Attribution(author: "nina", reason: "new chip")

    private func watch(_ archive: Archive) -> SensorWatch { SensorWatch(archive: archive, reader: archive, log: Log("test", minimumLevel: .error)) }

    /// Five devices under one sky; from day 220 on, the sensor of the first one measures 8 %RH too much.
    private func archive() async throws -> (archive: Archive, devices: [Int64]) {
        let archive = try await place.open()
        var devices: [Int64] = []
        for number in 0..<5 {
            let id = try await place.device(archive, "d\(number)")
            devices.append(id)
            try await archive.addObservations(of: id, number: number, from: firstDay, days: days, biasFrom: number == 0 ? 220 : .max)
        }
        return (archive, devices)
    }

    @Test func `a drifting sensor raises one alarm, and snapshots exclude its weeks from the first day of the drift on`() async throws {
        let (archive, devices) = try await archive()
        let before = try await archive.makeSnapshot(reason: "test", now: place.now)
        let watch = watch(archive)
        for _ in 0..<3 { try await watch.judgeNewDays() }
        let alarms = try await archive.sensorAlarms(limit: 9)
        let alarm = try #require(alarms.first)
        #expect(alarms.count == 1 && alarm.device.name == "d0" && alarm.finding == .drift && (alarm.size - 8).magnitude < 2)
        #expect(
            (alarm.since - firstDay - 220).magnitude <= 3 && alarm.endedAt == nil
                && alarm.text.contains("higher than expected from its peers since about"))
        let after = try await archive.makeSnapshot(reason: "test", now: place.now)
        #expect((before.weeks - after.weeks) == (firstDay + days + 2) / 7 - (alarm.since + 3) / 7 + 1)
        #expect(try await archive.runs(limit: 9).isEmpty, "a sensor alarm starts no run")
        let judged = try await archive.sensorJudgements(limit: 9)
        #expect(judged.count == 5 && judged.allSatisfy(\.isBiasObservable) && judged.map(\.alarm) == [.drift, nil, nil, nil, nil])
        #expect(devices.count == 5)

        try await archive.endSensorAlarm(alarm.id, isFault: true, by: attribution, now: place.now)
        try await watch.judgeNewDays()
        #expect(try await archive.sensorAlarms(activeOnly: true, limit: 9).isEmpty, "the sensor is judged by its coming days")
        #expect(try await archive.makeSnapshot(reason: "test", now: place.now).weeks == after.weeks, "the faulty weeks stay out")
        await #expect(throws: Archive.NoActiveAlarm.self) {
            try await archive.endSensorAlarm(alarm.id, isFault: false, by: attribution, now: place.now)
        }
    }

    @Test func `a dismissed alarm gives the observations back and is not raised again`() async throws {
        let (archive, _) = try await archive()
        let whole = try await archive.makeSnapshot(reason: "test", now: place.now)
        let watch = watch(archive)
        try await watch.judgeNewDays()
        let alarm = try #require(try await archive.sensorAlarms(limit: 9).first)
        try await archive.endSensorAlarm(alarm.id, isFault: false, by: attribution, now: place.now)
        for _ in 0..<2 { try await watch.judgeNewDays() }
        #expect(try await archive.sensorAlarms(activeOnly: true, limit: 9).isEmpty)
        #expect(try await archive.makeSnapshot(reason: "test", now: place.now).sha256 == whole.sha256)
    }

    @Test func `the days of a maintenance are not judged; the alarm is raised by the days after it`() async throws {
        let (archive, devices) = try await archive()
        let begin = Instant(ms: (firstDay + 219) * 86_400_000), end = Instant(ms: (firstDay + days) * 86_400_000)
        try await archive.addMaintenance(of: devices[0], from: begin, until: end, by: attribution)
        try await watch(archive).judgeNewDays()
        #expect(try await archive.sensorAlarms(limit: 9).isEmpty)
        for (number, device) in devices.enumerated() {
            try await archive.addObservations(of: device, number: number, from: firstDay + days, days: 6, biasFrom: number == 0 ? 0 : .max)
        }
        try await watch(archive).judgeNewDays()
        #expect(try await archive.sensorAlarms(limit: 9).map(\.device.name) == ["d0"])
    }

    @Test func `sensors of devices with other tags are not compared, and their bias cannot be observed`() async throws {
        let (archive, devices) = try await archive()
        for (device, tag) in zip(devices, ["indoor", "indoor", "outdoor", "outdoor", "attic"]) { try await archive.setTags([tag], of: device) }
        try await watch(archive).judgeNewDays()
        #expect(try await archive.sensorAlarms(limit: 9).isEmpty)
        #expect(try await archive.sensorJudgements(limit: 9).allSatisfy { !$0.isBiasObservable })
    }

    @Test func `a sensor that is always a day behind delays its group by a day; one that has stopped delays it for two days only`() async throws {
        let (archive, devices) = try await archive()
        try await watch(archive).judgeNewDays()
        let others = devices.dropLast()
        func judgedDays() async throws -> Set<Int64> {
            Set(try await archive.sensorJudgements(limit: 9).filter { $0.alarm == nil && $0.device.name != "d4" }.map { $0.day - firstDay })
        }
        for day in days..<days + 4 {
            for device in others { try await archive.addObservations(of: device, number: Int(device), from: firstDay + day, days: 1, biasFrom: .max) }
            try await watch(archive).judgeNewDays()
            #expect(try await judgedDays() == [day - 1])
            try await archive.addObservations(of: devices[4], number: 4, from: firstDay + day, days: 1, biasFrom: .max)
        }
        for day in days + 4..<days + 7 {
            for device in others { try await archive.addObservations(of: device, number: Int(device), from: firstDay + day, days: 1, biasFrom: .max) }
            try await watch(archive).judgeNewDays()
        }
        #expect(try await judgedDays() == [days + 6])
    }

    @Test func `groups have at most 64 sensors`() {
        let sensors = (0..<150 as Range<Int64>).map { device in
            Archive.WatchedSensor(
                device: device, sensor: 1, group: device < 100 ? "north" : "south", isAlarmed: false, judgedOn: nil, newestDay: 1, usedFrom: .min)
        }
        #expect(SensorWatch.groups(of: sensors).map(\.count) == [64, 36, 50])
    }
}

extension Archive {
    /// Hourly observations of the sensor air of one device.
    fileprivate func addObservations(of device: Int64, number: Int, from day: Int64, days: Int64, biasFrom: Int64) throws {
        var weather = RandomNumbers(1, UInt64(day)), own = RandomNumbers(2, UInt64(number))
        try database.transaction {
            try database.run(
                """
                INSERT INTO sensor (id, device, name, kind, driver, serial, place, step_s, observations, last_at_ms, reported, observed, quiet)
                VALUES (?1, ?1, 'air', 'test', '', '', '', 3600, ?2, ?3, 0, 1, 0)
                ON CONFLICT DO NOTHING
                """, device, days * 24, (day + days) * 86_400_000 + 4 * 3_600_000)
            try database.run("UPDATE sensor SET last_at_ms = ? WHERE device = ?", (day + days) * 86_400_000 + 4 * 3_600_000, device)
            var (front, local) = (0.0, 0.0)
            for offset in 0..<days {
                front = 0.8 * front + 4 * Double(weather.unitFloat() - 0.5)
                local = 0.5 * local + Double(own.unitFloat() - 0.5)
                let bias = offset >= biasFrom ? 8.0 : 0
                try database.changeEach(
                    """
                    INSERT INTO observation_bin (device, sensor, valid_at_ms, readings, failed, humidity_sum_mpct, humidity_min_mpct, humidity_max_mpct,
                        temperature_readings, temperature_sum_mc) VALUES (?, ?, ?, 1, 0, ?, ?, ?, 1, ?) ON CONFLICT DO NOTHING
                    """,
                    (1...24 as ClosedRange<Int64>).map { hour in
                        let value = Int64(1_000 * (55 + 2 * front + local + bias + Double(hour % 6)))
                        return [
                            .integer(device), .integer(device), .integer((day + offset) * 86_400_000 + hour * 3_600_000), .integer(value),
                            .integer(value), .integer(value), .integer(20_000),
                        ]
                    })
            }
            try database.run(
                """
                INSERT INTO sensor_week (device, sensor, week) SELECT DISTINCT device, sensor, (valid_at_ms + 259199999) / 604800000 FROM observation_bin
                WHERE device = ? ON CONFLICT (device, sensor, week) DO UPDATE SET version = sensor_week.version + 1
                """, device)
        }
    }

}
