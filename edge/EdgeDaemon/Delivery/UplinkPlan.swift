package import EdgeStore
internal import Measures
package import Wire

/// Decides the next step of the uplink. A value type: tests need no network and no clock.
package struct UplinkPlan: Sendable {
    package enum Step: Sendable, Equatable {
        case wait(Duration)
        case send(life: Int64, from: Int64, through: Int64, limit: Int)
        case verify(life: Int64)  // ask which rows the cloud holds of a fully delivered life
        case report  // send only the device report; the answer names the release to run
    }

    private static let longestBackoff: Duration = .seconds(900)
    private static let maximumRows = 1_000  // in one batch; a larger batch would only use more memory
    private static let liveRows: Int64 = 500  // newest rows sent before an old backlog

    private let period: Duration
    private let firstBackoff: Duration
    private var pause: Duration
    private var failures = 0
    private var resends = 0  // answers that forced a resend; decreases after answers with an empty backlog
    private var lifeOfLastResend: Int64?  // the life of the last answer that forced a resend
    private var answersWithoutBacklog = 0  // consecutive answers since the last resend that left no rows to send
    private var limit = UplinkPlan.maximumRows
    package private(set) var byteLimit = BatchFormat.byteLimit  // of an uncompressed batch
    package private(set) var compressesBodies = false  // the cloud accepts compressed bodies
    private var mayCompress = true  // false: the cloud has refused a compressed body in this run
    package private(set) var includesReport = true  // a batch with rows includes a report
    private var isReportUpToDate = false
    private var lastWasLive = false
    private var unverified: Set<Int64>?  // lives still to verify; nil: no step chosen yet in this run

    /// - Parameters:
    ///   - phase: the offset of this device within the period, so that a fleet does not send at the same time.
    ///   - firstBackoff: the pause after the first failure.
    package init(period: Duration, phase: Duration, firstBackoff: Duration = .seconds(5)) {
        self.period = period
        self.firstBackoff = firstBackoff
        pause = phase
    }

    package mutating func next(lives: [Life]) -> Step {
        if pause > .zero {
            defer { pause = .zero }
            return .wait(pause)
        }
        if let life = nextLifeToVerify(lives) {
            isReportUpToDate = true
            return .verify(life: life)
        }
        if let step = nextSendStep(lives) {
            isReportUpToDate = false
            return step
        }
        guard isReportUpToDate else {
            isReportUpToDate = true
            return .report
        }
        isReportUpToDate = false
        return .wait(period)
    }

    /// The next life to verify. A cloud restored from an older backup may have lost acknowledged rows, even of lives with nothing left to send.
    private mutating func nextLifeToVerify(_ lives: [Life]) -> Int64? {
        let delivered = lives.filter { !$0.held.ranges.isEmpty && $0.outstanding.isEmpty }.map(\.number)
        let waiting = unverified ?? Set(delivered)
        unverified = waiting
        return delivered.first { waiting.contains($0) }
    }

    /// Alternates between live rows and the lowest gap of the oldest life, live rows first. If the server spaces batches further apart than
    /// new readings arrive, sending only live rows would never reduce the backlog.
    private mutating func nextSendStep(_ lives: [Life]) -> Step? {
        let isBacklogTurn = lastWasLive
        lastWasLive = false
        if let current = lives.last, let tail = current.outstanding.last, tail.upperBound == current.last,
            !isBacklogTurn || (current.outstanding.count == 1 && tail.count <= limit && lives.dropLast().allSatisfy { $0.outstanding.isEmpty })
        {
            lastWasLive = true
            // After a long outage send the newest rows first, so that the cloud shows the current state at once.
            let from = tail.count <= limit ? tail.lowerBound : max(tail.lowerBound, tail.upperBound - min(UplinkPlan.liveRows, Int64(limit)) + 1)
            return .send(life: current.number, from: from, through: tail.upperBound, limit: limit)
        }
        for life in lives {
            guard let gap = life.outstanding.first else { continue }
            return .send(life: life.number, from: gap.lowerBound, through: gap.upperBound, limit: limit)
        }
        return nil
    }

    package mutating func verified(_ life: Int64) { unverified?.remove(life) }

    /// The cloud lacks rows that it had acknowledged: verify every life again.
    package mutating func cloudIsBehind(lives: [Life]) { unverified = Set(lives.map(\.number)) }

    /// - Parameter backlog: rows still to send.
    package mutating func settled(_ next: BatchAcknowledgement.Pacing, backlog: Int64) {
        failures = 0
        if backlog == 0 { answersWithoutBacklog += 1 }
        if answersWithoutBacklog >= UplinkPlan.answersPerForgivenResend { (resends, answersWithoutBacklog) = (max(0, resends - 1), 0) }
        // After a refusal the batch size grows again step by step.
        limit = max(1, min(UplinkPlan.maximumRows, Int(clamping: next.maxReadings), limit * 2))
        byteLimit = min(BatchFormat.byteLimit, Int(clamping: next.maxBytes))
        isReportUpToDate = true  // the batch included the report
        // A batch of live rows is small: the batch from the backlog follows at once.
        let isSpaced = !lastWasLive || backlog == 0
        let requestedPause: Duration = isSpaced ? min(UplinkPlan.longestBackoff, .milliseconds(max(0, next.delayMs))) : .zero
        pause = backlog > 0 || unverified?.isEmpty == false ? requestedPause : max(period, requestedPause)
    }

    /// Backs off: the pause doubles from the first backoff to 15 min. A random part is added, on the first retry too, so that a returning
    /// fleet spreads out.
    /// - Parameters:
    ///   - randomFraction: a random number, 0 to 1.
    ///   - isFinal: a retry will not succeed soon: use the longest pause at once.
    package mutating func failed(retryAfter: Duration?, randomFraction: Double, isFinal: Bool = false) {
        failures += 1
        isReportUpToDate = false
        // Limit the pause that the cloud asks for: the cloud cannot shorten a pause that has begun.
        let requestedPause = min(UplinkPlan.longestBackoff, retryAfter ?? .zero)
        pause = max(pause, UplinkPlan.withJitter(max(isFinal ? UplinkPlan.longestBackoff : backoff(failures), requestedPause), randomFraction))
    }

    /// Call after an answer that forces a new epoch or a resend. One such answer is normal. If such answers repeat, the device backs off as
    /// after failures, so that no cloud makes the device create epochs without limit. 20 answers with an empty backlog reduce the count by one.
    ///
    /// A store restored from an older copy has many rows of one life in conflict, in batch after batch. The number of conflicts is limited by
    /// the number of rows, so the pauses are at most one minute.
    package mutating func backOffAfterResend(life: Int64, randomFraction: Double) {
        resends += 1
        answersWithoutBacklog = 0
        let longest: Duration = lifeOfLastResend == life ? .seconds(60) : UplinkPlan.longestBackoff
        lifeOfLastResend = life
        pause = max(pause, UplinkPlan.withJitter(min(longest, backoff(resends)), randomFraction))
    }

    private static let answersPerForgivenResend = 20

    private func backoff(_ times: Int) -> Duration { min(UplinkPlan.longestBackoff, firstBackoff * (1 << min(times - 1, 12))) }

    private static func withJitter(_ pause: Duration, _ randomFraction: Double) -> Duration {
        pause + .milliseconds(Int64(Double(pause.ms) * randomFraction))
    }

    /// - Parameter codings: the Accept-Encoding header of an answer, if present (RFC 7694).
    package mutating func accepted(_ codings: String?) {
        compressesBodies =
            mayCompress && codings?.split(separator: ",").contains { $0.drop { $0 == " " }.prefix { $0 != ";" && $0 != " " } == "deflate" } ?? false
    }

    /// Call when a report was accepted or refused; decides whether batches with rows include a report again.
    package mutating func reportAnswered(isAccepted: Bool) { includesReport = isAccepted }

    /// Call when a compressed body was refused: another cloud that accepts no compression may answer now. The same rows are sent again
    /// uncompressed.
    package mutating func sendUncompressed() {
        (compressesBodies, mayCompress) = (false, false)
        pause = .zero
    }

    /// Call when the cloud refused a batch because of its size or because of one of its rows.
    /// - Returns: whether a smaller batch is possible; if not, the single row is the cause.
    package mutating func halveBatch(of rows: Int) -> Bool {
        limit = max(1, rows / 2)
        return rows > 1
    }
}
