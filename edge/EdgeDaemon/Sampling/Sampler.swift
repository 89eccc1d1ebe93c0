internal import EdgeStore
internal import Measures
internal import Observing
internal import Runtime
internal import Sensors
internal import Text

/// Reads one sensor while the program runs. After a failure the sampler retries later, and the time without readings becomes one hole.
struct Sampler: Service {
    let name: SensorName
    let sensor: any Sensor
    let period: Duration
    let clock: ReadingClock
    var serviceClock = ServiceClock.host
    let boot: UInt32
    let store: ReadingStore
    let inbox: Inbox<ReadingFlow.Input>
    let held: HeldBackReadings
    let recent: NewestReadings
    let outage: Outage  // the outage that continues from the last run, if any
    let quality: QualityTracking  // the quality state at the end of the last run
    let log: Log

    private static let longestBackoff: Duration = .seconds(900)

    func run() async throws {
        inbox.addProducer()
        defer { inbox.removeProducer() }
        defer { sensor.stop() }
        var state = SamplingState(outage: outage, quality: quality)
        do { try await sample(&state) } catch {
            // A held-back reading is stored in every case.
            for reading in state.spikes.flush() { _ = inbox.enqueue(.row(.reading(SensorReading(sensor: name, reading: reading)))) }
            throw error
        }
    }

    private func sample(_ state: inout SamplingState) async throws {
        let reader = TimedReader(sensor)
        var schedule = SamplingSchedule(period: period, now: serviceClock.now)
        while !Task.isCancelled {
            let readStartedAt = serviceClock.now
            state.readStartedAt = readStartedAt
            var retryPause: Duration?
            do {
                guard let sample = try await reader.read(within: sensor.identity.readTimeout) else { return try await end(&state) }
                if let takenAt = sample.takenAt { try await serviceClock.sleep(for: clock.realTime(until: takenAt)) }
                await processSample(sample, &state)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                await failed(error, &state)
                if (error as? SensorError)?.isFinal == true { return try await end(&state) }
                retryPause = min(Sampler.longestBackoff, period * Int(1 << (min(state.outage.count, 10) - 1)))
            }
            switch (sensor.identity.pace, retryPause) {
            case (.recorded, _), (.selfPaced, nil): continue  // `read` itself waits for the next reading
            case (.selfPaced, let pause?): try await serviceClock.sleep(for: pause)
            case (.polled, _):
                try await serviceClock.sleep(until: schedule.next(readStartedAt: readStartedAt, now: serviceClock.now, retryPause: retryPause))
            }
        }
        throw CancellationError()
    }

    /// Handles the end of this sensor; other sensors continue.
    private func end(_ state: inout SamplingState) async throws {
        await release(&state)
        log(.info, "recording ended", ["sensor": name])
        if let hole = state.outage.end(name, at: state.outage.lastAt ?? clock.now) { await enqueue(.record(.hole(hole))) }
        if sensor.identity.pace == .recorded { clock.recordingEnded() }
        try await serviceClock.sleepForever()
    }

    private func failed(_ error: any Error, _ state: inout SamplingState) async {
        let begins = state.outage.failed(at: clock.now)
        if (error as? SensorError)?.isFinal == true {
            log(.error, "sensor reading stopped", ["sensor": name, "error": "\(error)"])
        } else if begins {
            log(.warning, "sensor cannot be read", ["sensor": name, "error": "\(error)"])
        }
        let condition = SensorCondition(.failing, since: state.outage.since, detail: PrintableText.line("\(error)"))
        recent.failed(name, condition)
        guard begins else { return }
        await release(&state)
        try? await store.setCondition(condition, of: name)
    }

    private func processSample(_ sample: Sample, _ state: inout SamplingState) async {
        var reading = stamped(sample)
        if sensor.identity.pace != .polled, state.bursts.isRepeat(reading) { reading.flags.insert(.cached) }
        if reading.flags.contains(.cached) {
            reading.flags.formUnion(state.lastSpellFlags)  // a cached reading repeats the last measurement, so it gets the same flags
        } else if let mpct = reading.humidityMpct, !reading.flags.contains(.impossible) {
            let found = state.quality.flags(of: mpct, at: reading.takenAt)
            reading.flags.formUnion(found)
            state.lastSpellFlags = found.intersection([.flat, .saturated])
        }
        for correction in clock.takeCorrections(boot: boot) { await enqueue(.record(.clockCorrection(correction))) }
        let isFirst = state.outage.lastAt == nil
        if let hole = state.outage.end(name, at: reading.takenAt) {
            await enqueue(.record(.hole(hole)))
            log(.info, "sensor answers again", ["sensor": name, "missed": hole.count])
            recent.recovered(name)
            try? await store.setCondition(.ok, of: name)
        } else if isFirst {
            try? await store.setCondition(.ok, of: name)  // replaces the condition that the last run stored
        } else if sensor.identity.pace == .polled, let hole = state.gap(before: reading, period: period, name) {
            await enqueue(.record(.hole(hole)))
            log(.warning, "sensor not read for a while: the host was suspended or the program stopped", ["sensor": name, "missed": hole.count])
        }
        if state.impossible.isOnset(reading.flags.contains(.impossible)) {
            log(
                .warning, "impossible humidity: stored, used only if a calibration corrects it",
                ["sensor": name, "humidity_pct": NumberText.thousandths(Int64(reading.humidityMpct ?? 0))])
        }
        if state.heated.isOnset(reading.flags.contains(.heated)) {
            log(
                .warning, "sensor heater is on: readings are stored but not used",
                ["sensor": name, "remedy": "switch the heater off: heater_enable in sysfs"])
        }
        if state.remarks.isOnset(sample.droppedValueNote != nil) {
            log(.warning, "temperature or pressure left out, humidity kept", ["sensor": name, "left_out": sample.droppedValueNote ?? ""])
        }
        // Publish an impossible reading at once, although an earlier reading may still be held back.
        if case .failed = QualityControl.check(reading) { recent.add(reading, of: name) }
        for decided in state.spikes.decide(reading) {
            recent.add(decided, of: name)  // before its commit, which may be half a minute later
            await enqueue(.reading(SensorReading(sensor: name, reading: decided)))
        }
        held.set(name, isHeld: state.spikes.isHolding)
        state.outage.lastAt = reading.takenAt
        state.readAt = serviceClock.now
    }

    /// Stores a held-back reading: no later reading will show whether it is a spike.
    private func release(_ state: inout SamplingState) async {
        for reading in state.spikes.flush() { await enqueue(.reading(SensorReading(sensor: name, reading: reading))) }
        held.set(name, isHeld: false)
    }

    private func stamped(_ sample: Sample) -> Reading {
        let stamp = clock.read()
        // A recording has its own times, so the host's clock and clock corrections do not apply.
        let isRecorded = sample.takenAt != nil
        return Reading(
            takenAt: sample.takenAt ?? stamp.takenAt, humidityMpct: sample.humidityMpct, temperatureMc: sample.temperatureMc,
            pressurePa: sample.pressurePa, flags: sample.flags, clock: stamp.quality, boot: isRecorded ? 0 : boot,
            boottimeMs: stamp.boottimeMs)
    }

    /// Waits while the inbox is full: a recording is read faster than the disk writes, and no row may be lost.
    private func enqueue(_ row: NewRow) async {
        while !inbox.enqueue(.row(row)) {
            do { try await Task.sleep(for: .milliseconds(20)) } catch {
                return log(.error, "reading lost: stopped while the store was behind", ["sensor": name])
            }
        }
    }
}

/// The state of one sampler between readings.
private struct SamplingState {
    var outage: Outage
    var quality: QualityTracking
    var lastSpellFlags: ReadingFlags = []  // `flat` and `saturated` of the last measurement
    var bursts = BurstFilter()
    var spikes = SpikeFilter()
    var impossible = OnsetDetector()
    var heated = OnsetDetector()
    var remarks = OnsetDetector()
    var readStartedAt: ContinuousClock.Instant?  // when the read started; ContinuousClock also runs while the host is suspended
    var readAt: ContinuousClock.Instant?  // when the previous reading was complete

    init(outage: Outage, quality: QualityTracking) { (self.outage, self.quality) = (outage, quality) }

    /// The hole before a reading; `nil` if no read was missed. A hole begins after three periods without a read.
    func gap(before reading: Reading, period: Duration, _ sensor: SensorName) -> Hole? {
        guard let readStartedAt, let readAt, let lastAt = outage.lastAt, readStartedAt - readAt > period * 3 else { return nil }
        return Hole(
            sensor: sensor, reason: .notSampled, from: min(lastAt, reading.takenAt), to: max(lastAt, reading.takenAt),
            count: (readStartedAt - readAt).ms / period.ms - 1)
    }
}

/// A condition that may last for many readings and is logged once, when the condition begins.
struct OnsetDetector: Sendable {
    private var isOn = false

    /// - Returns: whether the condition begins now.
    mutating func isOnset(_ isOn: Bool) -> Bool {
        defer { self.isOn = isOn }
        return isOn && !self.isOn
    }
}
