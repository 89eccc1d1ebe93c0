import Evaluation
import Forecasting
import Measures
import Randomness
import Testing

/// Paired losses with a known difference between candidate and champion.
private struct LossesExample {
    var blocks = 12
    var perBlock = 60  // targets at each lead time
    var factor = 0.9  // candidate / champion
    var factorAtLead: [Int: Double] = [:]  // in addition, by index of the lead time
    var factorInDamp = 1.0  // in addition, for the tenth of the targets above 90 %RH
    var noiseOfBlocks = 0.02  // the largest deviation of a block from the factor
    var candidateCoverage = 0.8
    var copies = 1  // sensors that see the same weather
    var seed: UInt64 = 1

    var losses: PairedLosses {
        var random = RandomNumbers(40, seed)
        var losses: [PairedLoss] = []
        for block in 0..<blocks {
            let ofBlock = factor * (1 + noiseOfBlocks * (2 * Double(random.unitFloat()) - 1))
            for lead in PairedLosses.leadTimes.indices {
                for number in 0..<perBlock {
                    let champion = (1 + Double(lead)) * (0.5 + Double(random.unitFloat()))
                    let isDamp = number % 10 == 0
                    let candidate = champion * ofBlock * factorAtLead[lead, default: 1] * (isDamp ? factorInDamp : 1)
                    var strata: Strata = [Strata(.outdoorLike), Strata(number % 2 == 0 ? .day : .night)]
                    if isDamp { strata.insert(Strata(.damp)) }
                    let loss = PairedLoss(
                        origin: Instant(ms: Int64(4_000 + block) * PairedLoss.blockMs + 1), lead: lead, strata: strata,
                        candidate: .init(
                            pinball: Float(candidate), absoluteError: Float(2 * candidate),
                            isCovered: Double(random.unitFloat()) < candidateCoverage),
                        champion: .init(
                            pinball: Float(champion), absoluteError: Float(2 * champion), isCovered: Double(random.unitFloat()) < 0.8),
                        persistenceError: Float(3 * champion))
                    losses += Array(repeating: loss, count: copies)
                }
            }
        }
        return PairedLosses(losses)
    }
}

@Suite struct VerdictTests {
    private static let table: [(LossesExample, Verdict.Decision, String)] = [
        (LossesExample(), .pass, "no guard is exceeded"),
        (LossesExample(factor: 1.1), .fail, "the guard is exceeded: 1 h"),
        (LossesExample(factor: 1), .inconclusive, "too small or too uncertain"),
        (LossesExample(factor: 0.998, noiseOfBlocks: 0.0001), .inconclusive, "too small or too uncertain"),
        (LossesExample(factor: 0.97, noiseOfBlocks: 0.5), .inconclusive, "too small or too uncertain"),
        (LossesExample(blocks: 4), .inconclusive, "in 4 blocks of 5 days, at least 5 are needed"),
        (LossesExample(blocks: 0), .inconclusive, "in 0 blocks"),
        (LossesExample(factorAtLead: [4: 1.3]), .fail, "24 h"),
        (LossesExample(factor: 0.8, factorAtLead: [6: 1.29], noiseOfBlocks: 0.15), .inconclusive, "120 h"),
        (LossesExample(factorInDamp: 1.3), .fail, "above 90 %RH"),
        (LossesExample(candidateCoverage: 0.5), .fail, "coverage 1 h"),
    ]

    @Test(arguments: table.indices) func `a verdict follows from the losses`(row: Int) {
        let (example, decision, reason) = Self.table[row]
        let verdict = Verdict(Verdict.evidence(of: example.losses))
        #expect(verdict.decision == decision, "\(verdict.reason)")
        #expect(verdict.reason.contains(reason), "\(verdict.reason)")
        #expect(verdict == Verdict(Verdict.evidence(of: example.losses)))
    }

    @Test func `the evidence has a row for each lead time, stratum and coverage`() throws {
        let evidence = Verdict.evidence(of: LossesExample().losses)
        #expect(
            evidence.map(\.subject) == Evidence.Subject.all)
        #expect(Evidence.Subject.all.count == 1 + 7 + 5 + 7)
        #expect(Evidence.Subject.all.allSatisfy { Evidence.Subject(name: $0.name) == $0 })
        let overall = try #require(evidence.first)
        #expect(overall.blocks == 12 && overall.targets == 12 * 60 * 7 && overall.status == .better)
        let change = try #require(overall.change)
        #expect((change + 0.1).magnitude < 0.01)
        #expect(try #require(overall.low) < change && change < #require(overall.high))
        let indoor = try #require(evidence.first { $0.subject == .stratum(.indoorLike) })
        #expect(indoor.status == .not_judged && indoor.targets == 0)
    }

    /// Sensors in one region see the same weather: ten sensors for a week are not ten weeks of evidence.
    @Test func `more sensors with the same weather give the same bounds`() {
        let one = Verdict(Verdict.evidence(of: LossesExample(noiseOfBlocks: 0.3).losses))
        let ten = Verdict(Verdict.evidence(of: LossesExample(noiseOfBlocks: 0.3, copies: 10).losses))
        #expect(one.decision == ten.decision)
        for (a, b) in zip(one.evidence, ten.evidence) where a.targets >= 100 {
            #expect(((a.low ?? 0) - (b.low ?? 0)).magnitude < 1e-9 && ((a.high ?? 0) - (b.high ?? 0)).magnitude < 1e-9)
        }
    }

    @Test func `a candidate that is as good as the champion passes in less than 5 % of all cases`() {
        let passed = (0..<200).count {
            Verdict(Verdict.evidence(of: LossesExample(perBlock: 20, factor: 1, noiseOfBlocks: 0.05, seed: UInt64($0)).losses)).decision == .pass
        }
        #expect(passed <= 10, "\(passed) of 200")
    }

    @Test func `a candidate that is 3 % better passes in most cases`() {
        let passed = (0..<50).count {
            Verdict(Verdict.evidence(of: LossesExample(perBlock: 20, factor: 0.97, noiseOfBlocks: 0.03, seed: UInt64($0)).losses)).decision == .pass
        }
        #expect(passed >= 40, "\(passed) of 50")
    }
}
