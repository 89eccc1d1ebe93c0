package import Archive
internal import Measures
package import Runtime
internal import Synchronization
internal import Wire

/// Gathers concurrent batches so that one transaction, and one fsync, serves them all.
package struct Ingest: Service {
    private struct Waiting: Sendable {
        let arrival: Archive.Arrival
        let answer: CheckedContinuation<Answer, any Error>
    }

    private let archive: Archive
    private let wake: Inbox<Void>
    private let log: Log
    private let inbox = Inbox<Waiting>(limit: 2_000)  // their bodies are bounded by the server's budget
    private let state = Paced()

    private final class Paced: Sendable {
        let pace = Mutex(IngestPace())
    }

    /// - Parameter wake: told when something has been stored.
    package init(archive: Archive, wake: Inbox<Void>, log: Log) {
        self.archive = archive
        self.wake = wake
        self.log = log
    }

    /// Too many batches wait already.
    package struct Overloaded: Error {}

    /// - Returns: the answer, after what was new is on the disk.
    func take(_ arrival: Archive.Arrival) async throws -> Answer {
        let backlog = arrival.frame.report.map { $0.backlog > Int64(arrival.frame.rowCount) }
        state.pace.withLock { $0.came(from: arrival.device, hasBacklog: backlog, at: arrival.receivedAt) }
        return try await withCheckedThrowingContinuation { continuation in
            if !inbox.put(Waiting(arrival: arrival, answer: continuation)) { continuation.resume(throwing: Overloaded()) }
        }
    }

    /// Something has been stored beside it.
    func wakeDerivation() { _ = wake.put(()) }

    package func run() async throws {
        while true {
            let waiting = await inbox.takeAll()
            guard !waiting.isEmpty else { throw CancellationError() }
            let started = ContinuousClock.now
            do {
                let answers = try await archive.ingest(waiting.map(\.arrival), next: state.pace.withLock { $0.next })
                for (waiting, answer) in zip(waiting, answers) { waiting.answer.resume(returning: answer) }
            } catch {
                // Nothing of them was stored. One of them may be the fault: each gets a transaction of its own.
                log(.error, "batches not stored together", ["count": waiting.count, "error": "\(error)"])
                for waiting in waiting { await takeAlone(waiting) }
            }
            state.pace.withLock { $0.stored(waiting.count, took: .now - started) }
            wakeDerivation()
        }
    }

    private func takeAlone(_ waiting: Waiting) async {
        do {
            for answer in try await archive.ingest([waiting.arrival], next: state.pace.withLock { $0.next }) {
                waiting.answer.resume(returning: answer)
            }
        } catch {
            // The device keeps its batch and sends it again.
            log(.error, "batch not stored", ["batch": waiting.arrival.frame.name, "error": "\(error)"])
            waiting.answer.resume(throwing: error)
        }
    }
}
