@testable import EdgeDaemon
import EdgeStore
import StoreExamples
import Measures
import Testing
import Wire

@Suite struct UplinkPlanTests {
    private let period: Duration = .seconds(300)

    private func life(_ number: Int64 = 1, last: Int64, held: [ClosedRange<Int64>] = []) -> Life {
        var life = Life(number: number, epoch: Epoch(bits: UInt64(number)), last: last)
        life.held = HeldRanges(held)
        return life
    }
    private let next = BatchAcknowledgement.Pacing(delayMs: 250, maxReadings: 700, maxBytes: 1 << 20)

    @Test func `the first batch is sent at the device's own phase in the period`() {
        var plan = UplinkPlan(period: period, phase: .seconds(42))
        #expect(plan.next(lives: [life(last: 9)]) == .wait(.seconds(42)))
        #expect(plan.next(lives: [life(last: 9)]) == .send(life: 1, from: 1, through: 9, limit: 1_000))
    }

    @Test func `the lowest gap of the oldest life is sent first, up to the limit of the answer`() {
        var plan = UplinkPlan(period: period, phase: .zero)
        let lives = [life(1, last: 20, held: [1...5, 8...20]), life(2, last: 3, held: [3...3])]
        #expect(plan.next(lives: lives) == .send(life: 1, from: 6, through: 7, limit: 1_000))
        plan.settled(next, backlog: 3)
        let later = [life(1, last: 20, held: [1...20]), life(2, last: 3, held: [3...3])]
        #expect(plan.next(lives: later) == .wait(.milliseconds(250)))
        plan.verified(1)
        #expect(plan.next(lives: later) == .send(life: 2, from: 1, through: 2, limit: 700))
    }

    @Test func `new rows are sent first while a backlog drains`() {
        var plan = UplinkPlan(period: period, phase: .zero)
        // Online again after a long outage: the newest 500 rows are sent at once, then the oldest gap.
        #expect(plan.next(lives: [life(last: 100_000)]) == .send(life: 1, from: 99_501, through: 100_000, limit: 1_000))
        let next = BatchAcknowledgement.Pacing(delayMs: 0, maxReadings: 5_000, maxBytes: 1 << 20)
        plan.settled(next, backlog: 99_500)
        #expect(plan.next(lives: [life(last: 100_000, held: [99_501...100_000])]) == .send(life: 1, from: 1, through: 99_500, limit: 1_000))
        plan.settled(next, backlog: 94_501)
        let lives = [life(last: 100_001, held: [1...5_000, 99_501...100_000])]
        #expect(plan.next(lives: lives) == .send(life: 1, from: 100_001, through: 100_001, limit: 1_000))
        // The server spaces batches by a minute and a reading arrives every ten seconds: the backlog still gets its turn.
        plan.settled(BatchAcknowledgement.Pacing(delayMs: 60_000, maxReadings: 5_000, maxBytes: 1 << 20), backlog: 94_500)
        let still = [life(last: 100_002, held: [1...5_000, 99_501...100_001])]
        #expect(plan.next(lives: still) == .send(life: 1, from: 5_001, through: 99_500, limit: 1_000))
        plan.settled(BatchAcknowledgement.Pacing(delayMs: 60_000, maxReadings: 5_000, maxBytes: 1 << 20), backlog: 89_501)
        #expect(plan.next(lives: still) == .wait(.seconds(60)))
    }

    @Test func `at start every life without rows to send is verified, and verified again when the cloud has lost rows`() {
        var plan = UplinkPlan(period: period, phase: .zero)
        let lives = [life(1, last: 4, held: [1...4]), life(2, last: 7, held: [1...7])]
        #expect(plan.next(lives: lives) == .verify(life: 1))
        plan.verified(1)
        plan.settled(BatchAcknowledgement.Pacing(delayMs: 0, maxReadings: 700, maxBytes: 1 << 20), backlog: 0)
        #expect(plan.next(lives: lives) == .verify(life: 2))
        plan.verified(2)
        plan.settled(next, backlog: 0)
        #expect(plan.next(lives: lives) == .wait(period))
        plan.cloudIsBehind(lives: lives)
        #expect(plan.next(lives: lives) == .verify(life: 1))
    }

    @Test(arguments: [
        ("gzip, deflate", true), ("deflate", true), ("deflate;q=0.5", true), ("gzip", false), ("deflated", false), ("", false), (nil, false),
    ])
    func `batches are compressed only after an answer has said that compression is accepted`(codings: String?, compressesBodies: Bool) {
        var plan = UplinkPlan(period: period, phase: .zero)
        #expect(!plan.compressesBodies)
        plan.accepted(codings)
        #expect(plan.compressesBodies == compressesBodies)
        plan.sendUncompressed()
        #expect(!plan.compressesBodies)
    }

    @Test func `a device with nothing to send reports once a period`() {
        var plan = UplinkPlan(period: period, phase: .zero)
        let lives = [life(last: 0)]
        #expect(plan.next(lives: lives) == .report)
        plan.settled(next, backlog: 0)
        #expect(plan.next(lives: lives) == .wait(period))
        #expect(plan.next(lives: lives) == .wait(period))
        #expect(plan.next(lives: lives) == .report)
    }

    @Test func `after failures the pause doubles up to 15 minutes, with a random addition from the first failure on`() {
        var plan = UplinkPlan(period: period, phase: .zero)
        var pauses: [Duration] = []
        for _ in 0..<10 {
            plan.failed(retryAfter: nil, randomFraction: 0)
            guard case .wait(let pause) = plan.next(lives: []) else { continue }
            pauses.append(pause)
        }
        #expect(pauses == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900].map { .seconds($0) })
        plan.failed(retryAfter: nil, randomFraction: 1)
        #expect(plan.next(lives: []) == .wait(.seconds(1_800)))
        var first = UplinkPlan(period: period, phase: .zero)
        first.failed(retryAfter: nil, randomFraction: 0.5)
        #expect(first.next(lives: []) == .wait(.milliseconds(7_500)))
    }

    @Test func `the plan honours Retry-After, and a success resets the backoff`() {
        var plan = UplinkPlan(period: period, phase: .zero)
        plan.failed(retryAfter: .seconds(60), randomFraction: 0)
        #expect(plan.next(lives: []) == .wait(.seconds(60)))
        plan.settled(next, backlog: 1)
        plan.failed(retryAfter: nil, randomFraction: 0)
        #expect(plan.next(lives: []) == .wait(.seconds(5)))
    }

    @Test func `a batch that the cloud refuses is halved until the single bad row remains`() {
        var plan = UplinkPlan(period: period, phase: .zero)
        let first = plan.halveBatch(of: 5)
        #expect(plan.next(lives: [life(last: 5)]) == .send(life: 1, from: 4, through: 5, limit: 2))
        let second = plan.halveBatch(of: 2)
        let third = plan.halveBatch(of: 1)
        #expect([first, second, third] == [true, true, false])
    }

    @Test func `answers that undo progress are backed off like failures, and normal answers reduce the pause slowly`() {
        var plan = UplinkPlan(period: period, phase: .zero, firstBackoff: .seconds(5))
        let at = BatchAcknowledgement.Pacing(delayMs: 0, maxReadings: 700, maxBytes: 1 << 20)
        func pause() -> UplinkPlan.Step { plan.next(lives: [life(last: 9)]) }
        var pauses: [UplinkPlan.Step] = []
        for number in 1...10 as ClosedRange<Int64> {
            plan.settled(at, backlog: 1)
            plan.backOffAfterResend(life: number, randomFraction: 0)
            pauses.append(pause())
        }
        #expect(pauses.prefix(4) == [.wait(.seconds(5)), .wait(.seconds(10)), .wait(.seconds(20)), .wait(.seconds(40))])
        #expect(pauses.last == .wait(.seconds(900)))
        // Normal answers between two setbacks change nothing while there is more to send, so a cloud that alternates gains nothing.
        for _ in 0..<300 { plan.settled(at, backlog: 1) }
        plan.backOffAfterResend(life: 11, randomFraction: 0)
        #expect(pause() == .wait(.seconds(900)))
        // More rows of the same life: a restored store has many rows in conflict, but a limited number, so the pauses end at a minute.
        plan.settled(at, backlog: 1)
        plan.backOffAfterResend(life: 11, randomFraction: 0)
        #expect(pause() == .wait(.seconds(60)))
        // A failure right after a setback does not shorten the pause either.
        plan.backOffAfterResend(life: 12, randomFraction: 0)
        plan.failed(retryAfter: nil, randomFraction: 0)
        #expect(pause() == .wait(.seconds(900)))
        for _ in 0..<300 { plan.settled(at, backlog: 0) }
        _ = pause()
        plan.backOffAfterResend(life: 13, randomFraction: 0)
        #expect(pause() == .wait(.seconds(5)))
    }

    @Test func `a Retry-After of days is shortened to a quarter of an hour`() {
        var plan = UplinkPlan(period: period, phase: .zero, firstBackoff: .seconds(5))
        plan.failed(retryAfter: .seconds(172_800), randomFraction: 0)
        #expect(plan.next(lives: [life(last: 9)]) == .wait(.seconds(900)))
    }
}
