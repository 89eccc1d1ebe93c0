internal import EdgeStore
internal import Measures
internal import Runtime

/// Looks after the store and the process: the disk's return, the retention, the file's health, memory, bytes written.
struct Housekeeping: Service {
    let store: ReadingStore
    let retention: Retention
    let clock: LabelClock
    let log: Log

    func run() async throws {
        let written = WrittenBytes()
        var age = RetentionAge()
        var beat = 0
        while true {
            try await Task.sleep(for: .seconds(10))
            beat += 1
            await attempt("store not moved from memory to the disk") { try await store.leaveMemory() }
            // A replay's days are short: there every ten seconds. Else ten minutes, and the whole file once a day.
            guard clock.isReplay || beat % 60 == 1 else { continue }
            ProcessMemory.releaseUnusedCode()
            let newest = (try? await store.read { $0.log.newest.values.map(\.takenAt).max() }) ?? nil
            let now = age.now(clock.read(), newest: newest)
            await attempt("retention not enforced") { try await store.enforce(retention, now: now) }
            if beat % 8_640 == 1 { await attempt("store not examined") { try await store.examine() } }
            if let rate = written.rate() { await attempt("bytes written not noted") { try await store.noteWritten(rate) } }
        }
    }

    private func attempt(_ failure: String, _ work: () async throws -> Void) async {
        do { try await work() } catch { log(.error, failure, ["error": "\(error)"]) }
    }
}
