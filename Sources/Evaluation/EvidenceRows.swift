internal import Forecasting
internal import Measures

/// Computes the rows of evidence for a verdict.
struct EvidenceRows {
    let losses: PairedLosses
    let rule: VerdictRule

    func overall() -> Evidence {
        let row = row(.overall, BlockSums(losses), allowed: -1 ... -rule.improvement) { BlockSums.change($0) }
        guard let change = row.change, let low = row.low, let high = row.high, row.blocks >= rule.minimumBlocks else { return row }
        return row.with(row.allowed.contains(change) && high < 0 ? .better : low > 0 ? .exceeded : .unclear)
    }

    func leadTimes() -> [Evidence] {
        let sums = BlockSums(losses)
        return PairedLosses.leadTimes.enumerated().map { lead, leadTime in
            withGuardStatus(row(.leadTime(leadTime), sums, lead: lead, allowed: -1...rule.leadTimeLimit) { $0[lead].change })
        }
    }

    func strata() -> [Evidence] {
        Stratum.allCases.map { stratum in
            let sums = BlockSums(losses, where: { $0.strata.contains(stratum) })
            return withGuardStatus(row(.stratum(stratum), sums, allowed: -1...rule.stratumLimit) { BlockSums.change($0) })
        }
    }

    func coverages() -> [Evidence] {
        let sums = BlockSums(losses, { $0.isCovered ? 1 : 0 })
        return PairedLosses.leadTimes.enumerated().map { lead, leadTime in
            let row = row(.coverage(leadTime), sums, lead: lead, allowed: rule.coverage) { $0[lead].candidateMean }
            guard let low = row.low, let high = row.high, isJudged(row) else { return row }
            let isNearer = (row.candidate - EvidenceRows.nominalCoverage).magnitude <= (row.champion - EvidenceRows.nominalCoverage).magnitude
            if row.allowed.contains(row.candidate) || isNearer { return row.with(.kept) }
            return row.with(high < row.allowed.lowerBound || low > row.allowed.upperBound ? .exceeded : .unclear)
        }
    }
    private static let nominalCoverage = 0.8

    /// - Parameter lead: the lead time that the row is about; `nil` for all.
    private func row(
        _ subject: Evidence.Subject, _ sums: BlockSums, lead: Int? = nil, allowed: ClosedRange<Double>,
        _ statistic: ([BlockSums.Sums]) -> Double?
    ) -> Evidence {
        let totals = sums.totals()
        var counted = BlockSums.Sums()
        for total in lead.map({ [totals[$0]] }) ?? totals { counted += total }
        let blocks = sums.blocks.count { block in lead.map { block[$0].targets > 0 } ?? true }
        let bounds = BlockBootstrap(blocks: sums.blocks.count).bounds { statistic(sums.totals($0)) }
        let isCoverage = if case .coverage = subject { true } else { false }
        return Evidence(
            subject: subject, targets: counted.targets, blocks: blocks, candidate: counted.candidateMean ?? 0, champion: counted.championMean ?? 0,
            change: isCoverage ? nil : statistic(totals), low: bounds?.low, high: bounds?.high, allowed: allowed, status: .not_judged)
    }

    /// A guard is exceeded only if the lower bound shows a decline. A worse mean that may be chance is unclear.
    private func withGuardStatus(_ row: Evidence) -> Evidence {
        guard let change = row.change, let low = row.low, isJudged(row) else { return row }
        return row.with(row.allowed.contains(change) ? .kept : low > 0 ? .exceeded : .unclear)
    }

    private func isJudged(_ row: Evidence) -> Bool { row.targets >= rule.minimumTargets && row.blocks >= rule.minimumBlocks }
}
