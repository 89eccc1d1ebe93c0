internal import Forecasting

/// Sums of paired losses by calendar block and lead time: all that a resampling of blocks needs.
struct BlockSums {
    /// The weight of each lead time in the mean over the lead times.
    private static let weights = [0.3, 0.2, 0.2, 0.15, 0.1, 0.025, 0.025]  // 1, 3, 6, 12, 24, 48, 120 h

    struct Sums {
        var candidate = 0.0
        var champion = 0.0
        var targets = 0

        /// Candidate / champion − 1: negative if the candidate is better; `nil` if the champion has no loss.
        var change: Double? { champion > 0 ? candidate / champion - 1 : nil }
        var candidateMean: Double? { targets > 0 ? candidate / Double(targets) : nil }
        var championMean: Double? { targets > 0 ? champion / Double(targets) : nil }

        static func += (a: inout Sums, b: Sums) { a.add(b, times: 1) }
        mutating func add(_ other: Sums, times: Int) {
            candidate += other.candidate * Double(times)
            champion += other.champion * Double(times)
            targets += other.targets * times
        }
    }

    private(set) var blocks: [[Sums]] = []  // [block][lead]
    private var places: [Int32: Int] = [:]

    /// - Parameters:
    ///   - isCounted: whether a loss belongs to the sums.
    ///   - value: the value to sum.
    init(_ losses: PairedLosses, where isCounted: (PairedLoss) -> Bool = { _ in true }, _ value: (PairedLoss.Losses) -> Float = \.pinball) {
        for loss in losses.losses where isCounted(loss) {
            if places[loss.block] == nil {
                places[loss.block] = blocks.count
                blocks.append([Sums](repeating: Sums(), count: PairedLosses.leadTimes.count))
            }
            guard let place = places[loss.block] else { continue }
            blocks[place][Int(loss.lead)] += Sums(candidate: Double(value(loss.candidate)), champion: Double(value(loss.champion)), targets: 1)
        }
    }

    /// - Parameter draws: how often each block counts; `nil`: once.
    /// - Returns: [lead]
    func totals(_ draws: [Int]? = nil) -> [Sums] {
        var totals = [Sums](repeating: Sums(), count: PairedLosses.leadTimes.count)
        for (block, sums) in blocks.enumerated() {
            let times = draws?[block] ?? 1
            guard times > 0 else { continue }
            for lead in totals.indices { totals[lead].add(sums[lead], times: times) }
        }
        return totals
    }

    /// The weighted mean over the lead times of candidate / champion, minus 1: negative if the candidate is better.
    /// - Returns: `nil` if no lead time has a target, or if the champion has no loss.
    static func change(_ totals: [Sums]) -> Double? {
        var (sum, weight) = (0.0, 0.0)
        for (lead, total) in totals.enumerated() where total.champion > 0 {
            sum += weights[lead] * total.candidate / total.champion
            weight += weights[lead]
        }
        return weight > 0 ? sum / weight - 1 : nil
    }
}
