internal import EdgeStore
internal import Measures
internal import Runtime

/// Periodic work: leaves memory-only mode when the disk works again, enforces the retention, checks the file, releases memory, records the
/// bytes written.
struct Housekeeping: Service {
    let store: ReadingStore
    let retention: Retention
    let clock: ReadingClock
    var serviceClock = ServiceClock.host
    let log: Log

    func run() async throws {
        let written = WrittenBytes()
        var retentionClock = RetentionClock()
        var iteration = 0
        while true {
            try await serviceClock.sleep(for: .seconds(10))
            iteration += 1
            await attempt("rows not moved from memory to the disk") { try await store.retryDisk() }
            // In a replay, days pass quickly: enforce the retention every ten seconds. Otherwise every ten minutes; check the whole file once
            // a day.
            guard clock.isReplay || iteration % 60 == 1 else { continue }
            ProcessMemory.releaseUnusedCode()
            let newest = (try? await store.read { $0.log.newest.values.map(\.takenAt).max() }) ?? nil
            let now = retentionClock.now(clock.read(), newest: newest)
            await attempt("retention not enforced") { try await store.enforce(retention, now: now) }
            if iteration % 8_640 == 1 { await attempt("store not checked") { try await store.checkIntegrity() } }
            if let rate = written.rate() { await attempt("count of written bytes not stored") { try await store.storeWriteRate(rate) } }
        }
    }

    private func attempt(_ failure: String, _ work: () async throws -> Void) async {
        do { try await work() } catch { log(.error, failure, ["error": "\(error)"]) }
    }
}
