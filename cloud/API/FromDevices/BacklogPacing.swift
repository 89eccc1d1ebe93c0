package import Measures
package import Wire

/// Decides when a device with a backlog may send its next batch, so that many devices that reconnect at once share the server's capacity.
/// The result depends only on the batches and costs that were passed in.
package struct BacklogPacing: Sendable {
    package static let batchReadings: Int64 = 5_000
    private static let share = 0.5  // the share of the server's time that backlogs may use
    private static let drainTimeoutMs: Int64 = 60_000  // a device that sends nothing for this long is no longer draining
    private static let maximumPauseMs: Int64 = 300_000

    private var draining: [Int64: Instant] = [:]  // devices with a backlog; the value is the time of the last batch
    private var cost = 0.001  // seconds per batch, a running mean
    private var prunedAt = Instant(ms: 0)

    package init() {}

    /// Records a batch that has arrived.
    /// - Parameter hasBacklog: whether the device has more rows to send; `nil` if the batch has no report.
    package mutating func recordArrival(from device: Int64, hasBacklog: Bool?, at now: Instant) {
        switch hasBacklog {
        case true?: draining[device] = now
        case false?: draining[device] = nil
        case nil: break
        }
        guard now.ms - prunedAt.ms > 1_000 else { return }
        prunedAt = now
        // A device that was told to wait longer than `drainTimeoutMs` is still draining.
        let since = now - .milliseconds(max(BacklogPacing.drainTimeoutMs, 2 * delayMs))
        draining = draining.filter { $0.value > since }
    }

    /// Records the time that storing batches took.
    /// - Parameter took: the time for all these batches together.
    package mutating func recordStored(_ batches: Int, took: Duration) {
        guard batches > 0 else { return }
        let seconds = Double(took.components.attoseconds) / 1e18 + Double(took.components.seconds)
        cost += (seconds / Double(batches) - cost) * min(1, Double(batches) / 100)
    }

    private var delayMs: Int64 { min(BacklogPacing.maximumPauseMs, Int64(Double(draining.count) * cost / BacklogPacing.share * 1_000)) }

    /// The wait and the limits that an answer contains now.
    package var next: BatchAcknowledgement.Pacing {
        BatchAcknowledgement.Pacing(delayMs: delayMs, maxReadings: BacklogPacing.batchReadings, maxBytes: Int64(BatchFormat.byteLimit))
    }
}
