package import EdgeStore
internal import Measures
package import Wire

/// Decides what the uplink does next. A value: a table of cases tests it without network or clock.
package struct UplinkPlan: Sendable {
    package enum Step: Sendable, Equatable {
        case wait(Duration)
        case send(life: Int64, from: Int64, through: Int64, limit: Int)
        case verify(life: Int64)  // ask what the cloud holds of a life that has nothing to send
        case report  // nothing to send but how the device is; the answer names the release to run
    }

    private static let longestBackoff: Duration = .seconds(900)
    private static let mostRows = 1_000  // in one batch: more would only cost memory
    private static let liveRows: Int64 = 500  // of the newest, sent before an old backlog

    private let period: Duration
    private let firstBackoff: Duration
    private var pause: Duration
    private var failures = 0
    private var setbacks = 0  // answers that forced rows to be sent again, not yet made up for
    private var lifeOfSetback: Int64?  // that the last of them was about
    private var calmAnswers = 0  // since then, with nothing left to send
    private var limit = UplinkPlan.mostRows
    package private(set) var byteLimit = Batch.byteLimit  // of a batch before it is packed
    package private(set) var packs = false  // this cloud has said that it takes packed bodies
    private var mayPack = true  // and has not refused one since the start
    package private(set) var reports = true  // beside rows
    private var hasReported = false
    private var lastWasLive = false
    private var unverified: Set<Int64>?  // nil: of this run no answer has come yet

    /// - Parameters:
    ///   - phase: of this device within the period, so that a fleet does not speak at once.
    ///   - firstBackoff: after the first failure.
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
        if let life = toVerify(lives) {
            hasReported = true
            return .verify(life: life)
        }
        if let step = toSend(lives) {
            hasReported = false
            return step
        }
        guard hasReported else {
            hasReported = true
            return .report
        }
        hasReported = false
        return .wait(period)
    }

    /// A cloud that was restored from an older copy may lack what it once acknowledged, of lives that send nothing any more too.
    private mutating func toVerify(_ lives: [Life]) -> Int64? {
        let delivered = lives.filter { !$0.held.ranges.isEmpty && $0.outstanding.isEmpty }.map(\.number)
        let waiting = unverified ?? Set(delivered)
        unverified = waiting
        return delivered.first { waiting.contains($0) }
    }

    /// Live rows and the lowest gap of the oldest life in turn, live rows first: where the server spaces batches further apart
    /// than readings come, live rows alone would leave the backlog as it is.
    private mutating func toSend(_ lives: [Life]) -> Step? {
        let isTurnOfBacklog = lastWasLive
        lastWasLive = false
        if let current = lives.last, let tail = current.outstanding.last, tail.upperBound == current.last,
            !isTurnOfBacklog || (current.outstanding.count == 1 && tail.count <= limit && lives.dropLast().allSatisfy { $0.outstanding.isEmpty })
        {
            lastWasLive = true
            // After a long outage the newest of them, so that the cloud knows at once how things are.
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

    /// The cloud lacks what it had acknowledged: what it holds of every other life is asked again.
    package mutating func cloudIsBehind(lives: [Life]) { unverified = Set(lives.map(\.number)) }

    /// - Parameter backlog: rows still to send.
    package mutating func settled(_ next: Answer.Next, backlog: Int64) {
        failures = 0
        if backlog == 0 { calmAnswers += 1 }
        if calmAnswers >= UplinkPlan.calm { (setbacks, calmAnswers) = (max(0, setbacks - 1), 0) }
        // After a refusal larger batches are tried again step by step.
        limit = max(1, min(UplinkPlan.mostRows, Int(clamping: next.maxReadings), limit * 2))
        byteLimit = min(Batch.byteLimit, Int(clamping: next.maxBytes))
        hasReported = true  // with the batch
        // Live rows are few: the batch of the backlog beside them follows at once.
        let isSpaced = !lastWasLive || backlog == 0
        let asked: Duration = isSpaced ? min(UplinkPlan.longestBackoff, .milliseconds(max(0, next.afterMs))) : .zero
        pause = backlog > 0 || unverified?.isEmpty == false ? asked : max(period, asked)
    }

    /// Doubles from the first backoff to 15 min; then adds chance, so that a returning fleet is spread, on the first retry too.
    /// - Parameters:
    ///   - chance: 0 to 1.
    ///   - isFinal: nothing will change soon: the longest pause at once.
    package mutating func failed(retryAfter: Duration?, chance: Double, isFinal: Bool = false) {
        failures += 1
        hasReported = false
        // However long the cloud asks to wait, it is asked again after the longest pause: nobody else could end the wait.
        let asked = min(UplinkPlan.longestBackoff, retryAfter ?? .zero)
        pause = max(pause, UplinkPlan.spread(max(isFinal ? UplinkPlan.longestBackoff : backoff(failures), asked), chance))
    }

    /// An answer that forces a new epoch or a resend. One is normal. If they repeat, the device backs off as after failures, so that
    /// no cloud makes it create epochs without limit; 20 answers with nothing left to send make up for one.
    ///
    /// A store that was restored from an older copy has many rows of one life in conflict, a batch after the other: they are as many
    /// as it has, so the pauses end at a minute.
    package mutating func setBack(life: Int64, chance: Double) {
        setbacks += 1
        calmAnswers = 0
        let longest: Duration = lifeOfSetback == life ? .seconds(60) : UplinkPlan.longestBackoff
        lifeOfSetback = life
        pause = max(pause, UplinkPlan.spread(min(longest, backoff(setbacks)), chance))
    }

    private static let calm = 20  // answers

    private func backoff(_ times: Int) -> Duration { min(UplinkPlan.longestBackoff, firstBackoff * (1 << min(times - 1, 12))) }

    private static func spread(_ pause: Duration, _ chance: Double) -> Duration { pause + .milliseconds(Int64(Double(pause.ms) * chance)) }

    /// - Parameter codings: what an answer's Accept-Encoding said, if anything (RFC 7694).
    package mutating func accepted(_ codings: String?) {
        packs = mayPack && codings?.split(separator: ",").contains { $0.drop { $0 == " " }.prefix { $0 != ";" && $0 != " " } == "deflate" } ?? false
    }

    /// Whether rows may have the device's report beside them again: one has been taken, or refused.
    package mutating func reportCame(isTaken: Bool) { reports = isTaken }

    /// A packed body was refused: perhaps another cloud answers there now, which takes none. The same rows go again as they are.
    package mutating func sendUnpacked() {
        (packs, mayPack) = (false, false)
        pause = .zero
    }

    /// The cloud could not take so much, or one of these rows at all.
    /// - Returns: whether less can be sent; if not, the one row is the fault.
    package mutating func sendLess(than rows: Int) -> Bool {
        limit = max(1, rows / 2)
        return rows > 1
    }
}
