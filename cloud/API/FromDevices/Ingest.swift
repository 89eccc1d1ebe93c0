package import Archive
internal import Measures
package import Runtime
internal import Synchronization
internal import Wire

/// Collects submissions from devices and stores up to 256 waiting submissions in one transaction, with one fsync.
package actor Ingest: Service {
    private struct PendingSubmission: Sendable {
        let submission: Archive.Submission
        let receipt: CheckedContinuation<Archive.Receipt, any Error>
    }

    /// The archive's thread: a group of batches is taken and stored without a switch of threads.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { archive.unownedExecutor }

    private nonisolated let archive: Archive
    private let wake: Inbox<Void>
    private let freeSpaceGuard: FreeSpaceGuard
    private let log: Log
    private let inbox = Inbox<PendingSubmission>(limit: 2_000)  // the total size of the batches is bounded by the server's memory budget
    private let pacing = Mutex(BacklogPacing())
    nonisolated let changedDevices = ChangedDevices()
    private let failedAt = Mutex<ContinuousClock.Instant?>(nil)  // when the database last refused batches; `nil` after it has stored some

    /// - Parameter wake: receives an element after rows are stored.
    package init(archive: Archive, wake: Inbox<Void>, freeSpaceGuard: FreeSpaceGuard, log: Log) {
        self.archive = archive
        self.wake = wake
        self.freeSpaceGuard = freeSpaceGuard
        self.log = log
    }

    /// The database has refused batches a few seconds ago, and has stored none since. It may still answer queries.
    package struct StoresNothing: Error {}

    private static let failureValidity: Duration = .seconds(10)  // then a proxy may try this server again

    /// - Throws: `StoresNothing` if the database has refused batches a few seconds ago.
    nonisolated func checkDatabase() throws(StoresNothing) {
        if let failedAt = failedAt.withLock({ $0 }), failedAt > .now - Ingest.failureValidity { throw StoresNothing() }
    }

    /// Too many batches are waiting.
    package struct Overloaded: Error {}

    /// - Returns: the receipt, after all new rows are on the disk.
    /// - Throws: `IngestRefusal`, `FreeSpaceGuard.InsufficientSpace`, `Overloaded`, or the store's error.
    nonisolated func submit(_ submission: Archive.Submission) async throws -> Archive.Receipt {
        try freeSpaceGuard.check()
        if case .batch(let arrival) = submission {
            let backlog = arrival.frame.report.map { $0.backlog > Int64(arrival.frame.rowCount) }
            pacing.withLock { $0.recordArrival(from: arrival.device, hasBacklog: backlog, at: arrival.receivedAt) }
        }
        return try await withCheckedThrowingContinuation { continuation in
            if !inbox.enqueue(PendingSubmission(submission: submission, receipt: continuation)) { continuation.resume(throwing: Overloaded()) }
        }
    }

    package func run() async throws {
        while true {
            let waiting = await inbox.dequeueAll()
            guard !waiting.isEmpty else { throw CancellationError() }
            let started = ContinuousClock.now
            // The size of a transaction is limited, so that a batch does not wait for all earlier batches.
            for start in stride(from: 0, to: waiting.count, by: Ingest.submissionsPerTransaction) {
                await store(Array(waiting[start..<min(waiting.count, start + Ingest.submissionsPerTransaction)]))
                await Task.yield()  // other work waits for the archive's thread
            }
            pacing.withLock { $0.recordStored(waiting.count, took: .now - started) }
            _ = wake.enqueue(())
        }
    }

    private static let submissionsPerTransaction = 256

    private func store(_ waiting: [PendingSubmission]) async {
        do {
            let outcomes = try await archive.ingest(waiting.map(\.submission), next: pacing.withLock { $0.next })
            failedAt.withLock { $0 = nil }
            changedDevices.insert(waiting.map(\.submission.device))
            for (waiting, outcome) in zip(waiting, outcomes) { waiting.receipt.resume(with: outcome.mapError { $0 as any Error }) }
        } catch let error as any DatabaseFailure where error.isUnavailable {
            failedAt.withLock { $0 = .now }
            for waiting in waiting { waiting.receipt.resume(throwing: error) }
        } catch {
            // The transaction is rolled back. One batch may be the cause, so each batch gets its own transaction.
            log(.error, "group commit failed, storing each batch separately", ["count": waiting.count, "error": "\(error)"])
            for waiting in waiting { await storeSeparately(waiting) }
        }
    }

    private func storeSeparately(_ waiting: PendingSubmission) async {
        do {
            let outcomes = try await archive.ingest([waiting.submission], next: pacing.withLock { $0.next })
            changedDevices.insert([waiting.submission.device])
            for outcome in outcomes { waiting.receipt.resume(with: outcome.mapError { $0 as any Error }) }
        } catch {
            // The device keeps the batch and retries.
            log(.error, "batch not stored", ["device": waiting.submission.device, "error": "\(error)"])
            waiting.receipt.resume(throwing: error)
        }
    }
}
