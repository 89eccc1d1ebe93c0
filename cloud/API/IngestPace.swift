package import Measures
package import Wire

/// Decides when a device with a backlog may send its next batch, so that devices which all come back at once share what the
/// server can take. A value: it depends on nothing but the batches and costs it was told of.
package struct IngestPace: Sendable {
    package static let batchReadings: Int64 = 5_000
    private static let share = 0.5  // of the server's time for backlogs
    private static let memory: Int64 = 60_000  // ms: who has not sent for so long is not draining any more
    private static let longest: Int64 = 300_000

    private var draining: [Int64: Instant] = [:]  // devices with a backlog, and when they last sent
    private var cost = 0.001  // s a batch, of late
    private var forgottenAt = Instant(ms: 0)

    package init() {}

    /// - Parameter hasBacklog: `nil` where the device did not say.
    package mutating func came(from device: Int64, hasBacklog: Bool?, at now: Instant) {
        switch hasBacklog {
        case true?: draining[device] = now
        case false?: draining[device] = nil
        case nil: break
        }
        guard now.ms - forgottenAt.ms > 1_000 else { return }
        forgottenAt = now
        // Who was told to wait longer than the memory is still waiting.
        let since = now - .milliseconds(max(IngestPace.memory, 2 * afterMs))
        draining = draining.filter { $0.value > since }
    }

    /// - Parameter took: for so many batches together.
    package mutating func stored(_ batches: Int, took: Duration) {
        guard batches > 0 else { return }
        let seconds = Double(took.components.attoseconds) / 1e18 + Double(took.components.seconds)
        cost += (seconds / Double(batches) - cost) * min(1, Double(batches) / 100)
    }

    private var afterMs: Int64 { min(IngestPace.longest, Int64(Double(draining.count) * cost / IngestPace.share * 1_000)) }

    /// What an answer says now.
    package var next: Answer.Next {
        Answer.Next(afterMs: afterMs, maxReadings: IngestPace.batchReadings, maxBytes: Int64(Batch.byteLimit))
    }
}
