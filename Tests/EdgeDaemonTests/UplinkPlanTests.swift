@testable import EdgeDaemon
import Measures
import Testing
import Wire

@Suite struct UplinkPlanTests {
    private let period: Duration = .seconds(300)

    private func life(_ number: Int64 = 1, last: Int64, held: [ClosedRange<Int64>] = []) -> ReadingStore.Life {
        ReadingStore.Life(number: number, epoch: Epoch(bits: UInt64(number)), last: last, held: HeldRanges(held), evicted: 0, refused: 0)
    }
    private let next = Answer.Next(afterMs: 250, maxReadings: 700, maxBytes: 1 << 20)

    @Test func `the first word comes at the device's own place in the period`() {
        var plan = UplinkPlan(period: period, phase: .seconds(42))
        #expect(plan.next(lives: [life(last: 9)]) == .wait(.seconds(42)))
        #expect(plan.next(lives: [life(last: 9)]) == .send(life: 1, from: 1, through: 9, limit: 5_000))
    }

    @Test func `the lowest gap is sent, of the oldest life first, as much as the answer allows`() {
        var plan = UplinkPlan(period: period, phase: .zero)
        let lives = [life(1, last: 20, held: [1...5, 8...20]), life(2, last: 3)]
        #expect(plan.next(lives: lives) == .send(life: 1, from: 6, through: 7, limit: 5_000))
        plan.settled(next, backlog: 3)
        #expect(plan.next(lives: [life(1, last: 20, held: [1...20]), life(2, last: 3)]) == .wait(.milliseconds(250)))
        #expect(plan.next(lives: [life(1, last: 20, held: [1...20]), life(2, last: 3)]) == .send(life: 2, from: 1, through: 3, limit: 700))
    }

    @Test func `with nothing to send it reports once a period`() {
        var plan = UplinkPlan(period: period, phase: .zero)
        let lives = [life(last: 4, held: [1...4])]
        #expect(plan.next(lives: lives) == .report)
        plan.settled(next, backlog: 0)
        #expect(plan.next(lives: lives) == .wait(period))
        #expect(plan.next(lives: lives) == .wait(period))
        #expect(plan.next(lives: lives) == .report)
    }

    @Test func `after failures the pause doubles to 15 minutes, with chance added from the first on`() {
        var plan = UplinkPlan(period: period, phase: .zero)
        var pauses: [Duration] = []
        for _ in 0..<10 {
            plan.failed(retryAfter: nil, chance: 0)
            guard case .wait(let pause) = plan.next(lives: []) else { continue }
            pauses.append(pause)
        }
        #expect(pauses == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900].map { .seconds($0) })
        plan.failed(retryAfter: nil, chance: 1)
        #expect(plan.next(lives: []) == .wait(.seconds(1_800)))
        var first = UplinkPlan(period: period, phase: .zero)
        first.failed(retryAfter: nil, chance: 0.5)
        #expect(first.next(lives: []) == .wait(.milliseconds(7_500)))
    }

    @Test func `the server's Retry-After is honoured, and success forgets the failures`() {
        var plan = UplinkPlan(period: period, phase: .zero)
        plan.failed(retryAfter: .seconds(60), chance: 0)
        #expect(plan.next(lives: []) == .wait(.seconds(60)))
        plan.settled(next, backlog: 1)
        plan.failed(retryAfter: nil, chance: 0)
        #expect(plan.next(lives: []) == .wait(.seconds(5)))
    }

    @Test func `what the cloud cannot take is halved until one row is left, and that is the fault`() {
        var plan = UplinkPlan(period: period, phase: .zero)
        let first = plan.sendLess(than: 5)
        #expect(plan.next(lives: [life(last: 5)]) == .send(life: 1, from: 1, through: 5, limit: 2))
        let second = plan.sendLess(than: 2)
        let third = plan.sendLess(than: 1)
        #expect([first, second, third] == [true, true, false])
    }
}
