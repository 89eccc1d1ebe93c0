package import Runtime

/// Derives observations from the growing log, without delaying an ingest.
///
/// Devices take turns, so that a device with a long log or many amendments does not delay other devices.
package actor Derivation: Service {
    private let archive: Archive
    private let reader: Archive
    private let wake: Inbox<Void>
    private let log: Log
    private var lastDevice: Int64 = 0  // the device served last
    /// After a step that served few devices, the limit is lower, so that other programs can claim the remaining devices.
    private var claimLimit = Archive.devicesPerStep
    private var pausedUntil: [Int64: ContinuousClock.Instant] = [:]  // devices whose rows are damaged
    private var loggedBatches: Set<Int64> = []  // unreadable batches that are already logged

    private static let longestRun: Duration = .milliseconds(600)  // of consecutive steps
    private static let damagedDevicePause: Duration = .seconds(600)
    private static let loggedBatchLimit = 10_000

    /// - Parameters:
    ///   - reader: a separate connection, because reads may take long.
    ///   - wake: receives an element after batches are stored.
    package init(archive: Archive, reader: Archive, wake: Inbox<Void>, log: Log) {
        self.archive = archive
        self.reader = reader
        self.wake = wake
        self.log = log
    }

    package func run() async throws {
        while true {
            var busy: Duration = .zero
            do {
                // While the server's clock was before 2026, readings were withheld as future readings. They are derived once the clock is plausible.
                let now = WallClock.now
                if now > ClockDiscipline.earliest { try await archive.rederiveWithheld(now: now) }
                let started = ContinuousClock.now
                var isDone = false
                while !isDone, busy < Derivation.longestRun {
                    try Task.checkCancellation()
                    isDone = try await !step()
                    busy = .now - started
                }
                // No batch has arrived meanwhile: continue without a pause.
                if !isDone, wake.isEmpty { continue }
                if !isDone { _ = wake.enqueue(()) }
            } catch is CancellationError { throw CancellationError() } catch {
                log(.error, "observations not derived, retrying in 10 s", ["error": "\(error)"])
                try await Task.sleep(for: .seconds(10))
                continue
            }
            guard await !wake.dequeueAll().isEmpty else { throw CancellationError() }
            // Batches that arrive together are derived together, which costs less per batch. The pause is as long as the steps took, so that the
            // ingest gets half of the time.
            try await Task.sleep(for: max(.milliseconds(200), busy))
        }
    }

    /// - Returns: whether there were batches to derive.
    package func step() async throws -> Bool {
        let now = ContinuousClock.now
        pausedUntil = pausedUntil.filter { $0.value > now }
        let claimed = try await archive.claimPendingDevices(after: lastDevice, except: Set(pausedUntil.keys), limit: claimLimit)
        guard claimed?.isEmpty != true else { return false }
        do {
            let step = try await reader.nextDerivationStep(after: lastDevice, except: Set(pausedUntil.keys), claimed: claimed)
            report(step.unreadable)
            lastDevice = step.lastDevice
            claimLimit = min(Archive.devicesPerStep, 2 * step.deviceCount + 2)
            return try await archive.apply(step)
        } catch let error as any DatabaseFailure where error.isRetryable {
            throw error
        } catch {
            try await archive.releaseClaims(of: claimed ?? [])
            return try await stepEachDevice()
        }
    }

    /// Derives each device separately, because one device has rows that are damaged or were edited.
    private func stepEachDevice() async throws -> Bool {
        let devices = try await reader.pendingDevices().filter { pausedUntil[$0] == nil }
        for device in devices {
            try Task.checkCancellation()
            do {
                _ = try await archive.apply(reader.nextDerivationStep(after: device - 1, only: device))
            } catch ArchiveFault.damagedBin(let sensor, let validAt) {
                let isFrozen = try await archive.repairDamagedBin(of: device, sensor: sensor, validAt: validAt, now: WallClock.now)
                log(
                    .error,
                    isFrozen
                        ? "damaged observation deleted, it cannot be derived again"
                        : "damaged observation deleted, deriving the device's observations again",
                    ["device": device, "error": "\(ArchiveFault.damagedBin(sensor: sensor, validAt: validAt))"])
            } catch let error as any DatabaseFailure where error.isRetryable {
                throw error
            } catch {
                log(.error, "observations of a device not derived, retrying in 10 min", ["device": device, "error": "\(error)"])
                pausedUntil[device] = .now + Derivation.damagedDevicePause
            }
        }
        return !devices.isEmpty
    }

    private func report(_ unreadable: [Int64]) {
        if loggedBatches.count > Derivation.loggedBatchLimit { loggedBatches = [] }
        for id in unreadable where loggedBatches.insert(id).inserted { log(.error, "batch of the log cannot be read", ["id": id]) }
    }
}

/// Wakes the derivation every few seconds: another program may have added work, or a server that had claimed devices may have ended.
package struct DerivationPoll: Service {
    private let wake: Inbox<Void>

    package init(wake: Inbox<Void>) { self.wake = wake }

    package func run() async throws {
        while true {
            try await Task.sleep(for: .seconds(3))
            _ = wake.enqueue(())
        }
    }
}
