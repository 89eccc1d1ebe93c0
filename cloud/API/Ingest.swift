package import Archive
internal import Measures
package import Runtime
internal import Wire

/// Gathers concurrent batches so that one transaction, and one fsync, serves them all.
package struct Ingest: Service {
    private struct Waiting: Sendable {
        let arrival: Archive.Arrival
        let answer: CheckedContinuation<Answer, any Error>
    }

    private let archive: Archive
    private let inbox = Inbox<Waiting>(limit: 1_000)
    private let log: Log

    package init(archive: Archive, log: Log) {
        self.archive = archive
        self.log = log
    }

    /// Too many batches wait already.
    package struct Overloaded: Error {}

    /// - Returns: the answer, after what was new is on the disk.
    func take(_ arrival: Archive.Arrival) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            if !inbox.put(Waiting(arrival: arrival, answer: continuation)) { continuation.resume(throwing: Overloaded()) }
        }
    }

    private func takeAlone(_ waiting: Waiting) async {
        do {
            for answer in try await archive.ingest([waiting.arrival], pace: Archive.Pace()) { waiting.answer.resume(returning: answer) }
        } catch {
            // The device keeps its batch and sends it again.
            log(.error, "batch not stored", ["batch": waiting.arrival.batch.name, "error": "\(error)"])
            waiting.answer.resume(throwing: error)
        }
    }

    package func run() async throws {
        while true {
            let waiting = await inbox.takeAll()
            guard !waiting.isEmpty else { throw CancellationError() }
            do {
                let answers = try await archive.ingest(waiting.map(\.arrival), pace: Archive.Pace())
                for (waiting, answer) in zip(waiting, answers) { waiting.answer.resume(returning: answer) }
            } catch {
                // Nothing of them was stored. One of them may be the fault: each gets a transaction of its own.
                log(.error, "batches not stored together", ["count": waiting.count, "error": "\(error)"])
                for waiting in waiting { await takeAlone(waiting) }
            }
        }
    }
}
