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
    }

    let name: SensorName
    let id: Int64
    let sensor: any Sensor
    let period: Duration
    let clock: LabelClock
    let boot: UInt32
    let store: ReadingStore
    let inbox: Inbox<Arrival>
    let log: Log

    private static let longestPause: Duration = .seconds(900)

    func run() async throws {
        var failure: (since: Instant, count: Int64)?
        var lastAt: Instant?
        var due = ContinuousClock.now
        while !Task.isCancelled {
            var pause = period
            do {
                guard let sample = try await sensor.read() else {
                    log(.info, "recording ended", ["sensor": name])
                    if let failure { put(.hole(hole(failure, to: lastAt ?? clock.now))) }
                    return try await Task.sleep(for: .seconds(1 << 40))  // the others go on
                }
                if let takenAt = sample.takenAt { try await Task.sleep(for: clock.realTime(until: takenAt)) }
                let reading = reading(of: sample)
                if let ended = failure {
                    put(.hole(hole(ended, to: reading.takenAt)))
                    log(.info, "sensor answers again", ["sensor": name, "missed": ended.count])
                    try? await store.setState("ok", ofSensor: id)
                    failure = nil
                }
                if reading.flags.contains(.impossible) {
                    log(
                        .warning, "impossible reading stored, not observed",
                        ["sensor": name, "humidity_pct": NumberText.thousandths(Int64(reading.humidityMpct ?? 0))])
                }
                put(.reading(ReadingStore.Taken(sensor: id, reading: reading)))
                if lastAt == nil { try? await store.setState("ok", ofSensor: id) }  // whatever the last run left
                lastAt = reading.takenAt
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                if failure == nil {
                    log(.warning, "sensor cannot be read", ["sensor": name, "error": "\(error)"])
                    try? await store.setState("failing", ofSensor: id)
                }
                failure = (failure?.since ?? lastAt ?? clock.now, (failure?.count ?? 0) + 1)
                let doublings = min(failure?.count ?? 1, 10) - 1
                pause = min(Sampler.longestPause, period * Int(1 << doublings))
            }
            guard sensor.identity.spacing == nil else { continue }  // a recording sets its own pace
            due = max(due + pause, ContinuousClock.now)
            try await Task.sleep(until: due)
        }
    }

    private func reading(of sample: Sample) -> Reading {
        Reading(
            takenAt: sample.takenAt ?? clock.now, humidityMpct: sample.humidityMpct, temperatureMc: sample.temperatureMc,
            pressurePa: sample.pressurePa, flags: sample.flags, clock: clock.isReplay ? .synchronised : ClockState.quality(), boot: boot,
            boottimeMs: BootTime.nowMs)
    }

    private func hole(_ failure: (since: Instant, count: Int64), to end: Instant) -> Hole {
        Hole(sensor: name, reason: .sensorError, from: min(failure.since, end), to: end, count: failure.count)
    }

    private func put(_ arrival: Arrival) {
        if !inbox.put(arrival) { log(.error, "reading lost: the store takes none", ["sensor": name]) }
    }
}
