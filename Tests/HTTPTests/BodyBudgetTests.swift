@testable import HTTPServer
import Testing

@Suite struct BodyBudgetTests {
    private func sender(_ name: String, known: Bool = true) -> BodyBudget.Sender { BodyBudget.Sender(name: name, isAuthenticated: known) }

    @Test func `a sender with many unfinished bodies leaves room for other senders`() {
        var limits = HTTPLimits(bodyBytes: 1_000)
        limits.budgetBytes = 16_000
        let budget = BodyBudget(limits)
        let taken = (0..<16).count { _ in budget.reserve(999, of: sender("bad")) }
        #expect(taken == 2)
        #expect((0..<9).allSatisfy { budget.reserve(1_000, of: sender("device \($0)")) })
        // Unknown senders share a quarter of the budget; one address gets a quarter of that quarter.
        #expect((0..<9).count { _ in budget.reserve(999, of: sender("10.0.0.1", known: false)) } == 1)
        #expect(budget.reserve(500, of: sender("10.0.0.2", known: false)))
        // A small body has its own room.
        #expect(budget.reserve(500, of: BodyBudget.Sender(name: "10.0.0.1", isAuthenticated: false, isSmall: true)))
        budget.release(999, of: sender("10.0.0.1", known: false))
        #expect(budget.reserve(1_000, of: sender("10.0.0.1", known: false)))
    }
}
