internal import Measures
internal import Observing
internal import Runtime
internal import Sensors
internal import Text

/// Asks one sensor for readings as long as the program runs. A sensor that fails is tried again later, and the time
/// without readings becomes one hole, from its start to its end.
struct Sampler: Service {
    enum Arrival: Sendable {
        case reading(ReadingStore.Taken)
        case hole(Hole)
        case correction(ClockDiscipline.Correction)
        case calibration(Calibration)
    }

    let name: SensorName
    let sensor: any Sensor
    let period: Duration
    let clock: LabelClock
    let boot: UInt32
    let store: ReadingStore
    let inbox: Inbox<Arrival>
    let outage: Outage  // that the last run ended in
    let log: Log

    private static let longestPause: Duration = .seconds(900)

    func run() async throws {
        var outage = outage
        var quality = QualityTracking()
        let asking = PatientReading(sensor)
        defer { sensor.stop() }
        var due = ContinuousClock.now
        while !Task.isCancelled {
            var pause = sensor.identity.pace == .asked ? period : .zero
            do {
                guard let sample = try await asking.read(within: sensor.identity.patience) else {
                    log(.info, "recording ended", ["sensor": name])
                    if let hole = outage.end(name, at: outage.lastAt ?? clock.now) { await put(.hole(hole)) }
                    return try await Task.sleep(for: .seconds(1 << 40))  // the others go on
                }
                if let takenAt = sample.takenAt { try await Task.sleep(for: clock.realTime(until: takenAt)) }
                var reading = stamped(sample)
                if let mpct = reading.humidityMpct, reading.flags.isDisjoint(with: [.impossible, .cached]) {
                    reading.flags.formUnion(quality.flags(of: mpct, at: reading.takenAt))
                }
                await take(reading, &outage)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                if outage.failed(at: clock.now) {
                    log(.warning, "sensor cannot be read", ["sensor": name, "error": "\(error)"])
                    try? await store.setState("failing", of: name)
                }
                pause = min(Sampler.longestPause, period * Int(1 << (min(outage.count, 10) - 1)))
            }
            guard sensor.identity.pace != .recorded, pause > .zero else { continue }  // these are waited for
            due = max((sensor.identity.pace == .asked ? due : .now) + pause, .now)
            try await Task.sleep(until: due)
        }
    }

    private func take(_ reading: Reading, _ outage: inout Outage) async {
        for correction in clock.takeCorrections() { await put(.correction(correction)) }
        let isFirst = outage.lastAt == nil
        if let hole = outage.end(name, at: reading.takenAt) {
            await put(.hole(hole))
            log(.info, "sensor answers again", ["sensor": name, "missed": hole.count])
            try? await store.setState("ok", of: name)
        } else if isFirst {
            try? await store.setState("ok", of: name)  // whatever the last run left
        }
        if reading.flags.contains(.impossible) {
            log(
                .warning, "impossible reading stored, not observed",
                ["sensor": name, "humidity_pct": NumberText.thousandths(Int64(reading.humidityMpct ?? 0))])
        }
        await put(.reading(ReadingStore.Taken(sensor: name, reading: reading)))
        outage.lastAt = reading.takenAt
    }

    private func stamped(_ sample: Sample) -> Reading {
        let stamp = clock.read()
        return Reading(
            takenAt: sample.takenAt ?? stamp.takenAt, humidityMpct: sample.humidityMpct, temperatureMc: sample.temperatureMc,
            pressurePa: sample.pressurePa, flags: sample.flags, clock: stamp.quality, boot: boot, boottimeMs: stamp.boottimeMs)
    }

    /// Waits where the store is behind: a recording is read faster than a disk writes, and nothing it gave may be dropped.
    private func put(_ arrival: Arrival) async {
        while !inbox.put(arrival) {
            do { try await Task.sleep(for: .milliseconds(20)) } catch {
                return log(.error, "reading not taken: stopped while the store was behind", ["sensor": name])
            }
        }
    }
}

/// A time without readings of one sensor: one hole, from the last reading before it to the first after it.
struct Outage: Sendable {
    var lastAt: Instant?  // of the last reading
    private(set) var count = 0  // failed tries
    private var since: Instant?

    init() {}

    /// One that was still there when the program stopped, since the newest reading.
    init(goingOnSince newest: Instant?) {
        guard let newest else { return }
        (since, lastAt, count) = (newest, newest, 1)
    }

    /// - Returns: whether it begins.
    mutating func failed(at now: Instant) -> Bool {
        since = since ?? lastAt ?? now
        count += 1
        return count == 1
    }

    /// - Returns: the hole, if there was one.
    mutating func end(_ sensor: SensorName, at end: Instant) -> Hole? {
        guard let since else { return nil }
        defer { (self.since, count) = (nil, 0) }
        return Hole(sensor: sensor, reason: .sensorError, from: min(since, end), to: max(since, end), count: Int64(count))
    }
}
