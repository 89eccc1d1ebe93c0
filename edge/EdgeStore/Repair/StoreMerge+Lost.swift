internal import Measures
internal import SQLite
internal import Wire

/// Finds the rows that are missing after a merge.
extension StoreMerge {
    /// The sequences that were assigned, have no row, and are neither held by the cloud nor marked undeliverable.
    func lost(_ report: Report) throws -> [Report.Lost] {
        let lives = report.lives
        var all: [Report.Lost] = []
        for old in lives.number.keys.sorted() {
            guard let number = lives.number[old], let epoch = lives.epoch[old] else { continue }
            let presentRows = try presentRows(inLife: number)
            let last = max(lives.last[old] ?? 0, report.lastSequences[epoch] ?? 0, presentRows.ranges.ranges.last?.upperBound ?? 0)
            guard last > 0 else { continue }
            let settledSequences = try settledSequences(ofLife: number)
            for gap in presentRows.ranges.missing(in: 1...last) {
                for lost in settledSequences.missing(in: gap) {
                    let before = presentRows.times.last { $0.sequence < lost.lowerBound }?.at
                    let after = presentRows.times.first { $0.sequence > lost.upperBound }?.at
                    let from = before ?? after ?? Instant(ms: 0)
                    all.append(Report.Lost(epoch: epoch, sequences: lost, from: from, to: max(from, after ?? from)))
                }
            }
        }
        return all
    }

    /// The sequences that have a row, and the times of the first and last reading of each run of sequences.
    private func presentRows(inLife number: Int64) throws -> (ranges: HeldRanges, times: [(sequence: Int64, at: Instant)]) {
        let keys = RowKey.all(life: number)
        var select = try target.prepare(
            """
            SELECT key, taken_at_ms FROM reading WHERE key BETWEEN ?1 AND ?2 UNION ALL SELECT key, NULL FROM record WHERE key BETWEEN ?1 AND ?2
            ORDER BY key
            """, keys.lowerBound, keys.upperBound)
        var ranges = HeldRanges()
        var times: [(sequence: Int64, at: Instant)] = []
        var run: ClosedRange<Int64>?
        var timed = 0  // readings in the run
        while try select.step() {
            let sequence = RowKey(select.integer(0)).sequence
            let isNext = run.map { $0.upperBound + 1 == sequence } ?? false
            if !isNext {
                if let run { ranges.insert(run) }
                timed = 0
            }
            run = isNext ? (run?.lowerBound ?? sequence)...sequence : sequence...sequence
            guard let takenAtMs = select.optionalInteger(1) else { continue }
            if timed >= 2 { times.removeLast() }  // keep the run's first reading, replace its last
            times.append((sequence, Instant(ms: takenAtMs)))
            timed += 1
        }
        if let run { ranges.insert(run) }
        return (ranges, times)
    }

    private func settledSequences(ofLife number: Int64) throws -> HeldRanges {
        guard let known = try DeliveryCoding.read(number, in: target) else { return HeldRanges() }
        return known.held.union(known.undeliverable)
    }
}
