internal import Measures
internal import Wire

/// Decides what the uplink does next. A value: a table of cases tests it without network or clock.
struct UplinkPlan: Sendable {
    enum Step: Sendable, Equatable {
        case wait(Duration)
        case send(life: Int64, from: Int64, through: Int64, limit: Int)
        case report  // nothing to send but how the device is; the answer names the release to run
    }

    private static let firstBackoff: Duration = .seconds(5)
    private static let longestBackoff: Duration = .seconds(900)

    private let period: Duration
    private var pause: Duration
    private var failures = 0
    private var limit = 5_000  // rows
    private var hasReported = false

    /// - Parameter phase: of this device within the period, so that a fleet does not speak at once.
    init(period: Duration, phase: Duration) {
        self.period = period
        pause = phase
    }

    mutating func next(lives: [ReadingStore.Life]) -> Step {
        if pause > .zero {
            defer { pause = .zero }
            return .wait(pause)
        }
        for life in lives where life.last > 0 {
            guard let gap = life.held.missing(in: 1...life.last).first else { continue }
            hasReported = false
            return .send(life: life.number, from: gap.lowerBound, through: gap.upperBound, limit: limit)
        }
        guard hasReported else {
            hasReported = true
            return .report
        }
        hasReported = false
        return .wait(period)
    }

    /// - Parameter backlog: rows still to send.
    mutating func settled(_ next: Answer.Next, backlog: Int64) {
        failures = 0
        limit = max(1, min(Batch.rowLimit, Int(clamping: next.maxReadings)))
        hasReported = true  // with the batch
        pause = backlog > 0 ? min(UplinkPlan.longestBackoff, .milliseconds(max(0, next.afterMs))) : period
    }

    /// Doubles from 5 s to 15 min; then adds chance, so that a returning fleet is spread, on the first retry too.
    /// - Parameter chance: 0 to 1.
    mutating func failed(retryAfter: Duration?, chance: Double) {
        failures += 1
        hasReported = false
        let doubled = UplinkPlan.firstBackoff * (1 << min(failures - 1, 8))
        pause = max(min(UplinkPlan.longestBackoff, doubled), retryAfter ?? .zero)
        pause += .milliseconds(Int64(Double(pause.ms) * chance))
    }

    /// The cloud could not take so much, or one of these rows at all.
    /// - Returns: whether less can be sent; if not, the one row is the fault.
    mutating func sendLess(than rows: Int) -> Bool {
        limit = max(1, rows / 2)
        return rows > 1
    }
}
