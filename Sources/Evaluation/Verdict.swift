/// Whether a candidate replaces the champion, with the evidence.
///
/// A verdict is a pure function of the evidence. A candidate passes only if the one-sided 95 % bound shows an improvement on average, and if no guard
/// is exceeded or unclear. An inconclusive verdict keeps the champion.
package struct Verdict: Sendable, Equatable {
    package enum Decision: String, Sendable { case pass, fail, inconclusive }

    package let decision: Decision
    package let reason: String  // one sentence
    package let evidence: [Evidence]

    /// The rows of evidence, in the order of `Evidence.Subject.all`.
    package static func evidence(of losses: PairedLosses, rule: VerdictRule = VerdictRule()) -> [Evidence] {
        let rows = EvidenceRows(losses: losses, rule: rule)
        return [rows.overall()] + rows.leadTimes() + rows.strata() + rows.coverages()
    }

    package init(_ evidence: [Evidence], rule: VerdictRule = VerdictRule()) {
        self.evidence = evidence
        if let overall = evidence.first, overall.subject == .overall {
            (decision, reason) = Verdict.decide(overall, evidence.dropFirst(), rule)
        } else {
            (decision, reason) = (.inconclusive, "there is no evidence")
        }
    }

    private static func decide(_ overall: Evidence, _ guards: some Sequence<Evidence>, _ rule: VerdictRule) -> (Decision, String) {
        if overall.blocks < rule.minimumBlocks {
            return (
                .inconclusive, "the targets lie in \(overall.blocks) blocks of 5 days, at least \(rule.minimumBlocks) are needed"
            )
        }
        if let broken = guards.first(where: { $0.status == .exceeded }) {
            return (.fail, "the guard is exceeded: \(broken.subject.name)")
        }
        switch overall.status {
        case .exceeded: return (.fail, "the candidate is significantly worse on average")
        case .better:
            guard let unclear = guards.first(where: { $0.status == .unclear }) else {
                return (.pass, "the candidate is significantly better on average, and no guard is exceeded")
            }
            return (.inconclusive, "the candidate is better on average, but the guard is unclear: \(unclear.subject.name)")
        case .kept, .unclear, .not_judged: return (.inconclusive, "the difference on average is too small or too uncertain")
        }
    }
}
