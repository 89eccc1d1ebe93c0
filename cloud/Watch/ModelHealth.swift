/// The health of a model at one lead time, judged by the errors that devices report of their own forecasts. A pure function of the daily sums.
package struct ModelHealth: Sendable, Equatable {
    /// The sums over all healthy sensors of one day, in any unit of error.
    package struct Day: Sendable, Equatable {
        package var day: Int64  // since 1970
        package var targets: Double
        package var error: Double
        package var persistenceError: Double
        package var climatologyError: Double
        package var covered: Double  // targets within the 80 % interval

        package init(day: Int64, targets: Double, error: Double, persistenceError: Double, climatologyError: Double, covered: Double) {
            (self.day, self.targets, self.error) = (day, targets, error)
            (self.persistenceError, self.climatologyError, self.covered) = (persistenceError, climatologyError, covered)
        }

        fileprivate static func + (a: Day, b: Day) -> Day {
            Day(
                day: b.day, targets: a.targets + b.targets, error: a.error + b.error, persistenceError: a.persistenceError + b.persistenceError,
                climatologyError: a.climatologyError + b.climatologyError, covered: a.covered + b.covered)
        }
    }

    package enum State: String, Sendable, CaseIterable {
        case ok
        case unknown  // too few targets
        case decayed  // forecasts worse than expected
        case miscalibrated  // the 80 % interval holds too few or too many targets
    }

    package var state = State.unknown
    package var targets = 0.0  // of the last 28 days
    package var skill: Double?  // 1 − error / error of climatology, over the last 28 days
    package var expected: Double?  // the skill in this season of earlier years; `nil` without an earlier year
    package var coverage: Double?  // share of targets within the 80 % interval, over the last 28 days

    package init() {}

    static let windowDays: Int64 = 28
    package static let minimumTargets = 1_000.0
    private static let coverages = 0.72...0.88
    private static let lastingDays: Int64 = 3
    private static let minimumDeviation = 0.05  // of the skill from week to week
    private static let decayFactor = 1.25  // live ratio / ratio of the backtest
    private static let seasonDays: Int64 = 45
    private static let seasonWeeks = 4

    /// - Parameters:
    ///   - days: of the release in use, oldest first; at least the last 30 days.
    ///   - history: of all releases in earlier years.
    ///   - backtest: error / error of persistence in the backtest of the release; used where there is no earlier year.
    package static func judge(_ days: [Day], history: [Day], backtest: Double?) -> ModelHealth {
        var health = ModelHealth()
        guard let last = days.last?.day, let sums = sums(days, through: last) else { return health }
        (health.targets, health.skill) = (sums.targets, skill(sums))
        health.coverage = sums.covered / sums.targets
        let season = season(history, around: last)
        health.expected = season?.mean
        guard sums.targets >= minimumTargets else { return health }
        let isDecayed = (0..<lastingDays).allSatisfy { back in
            guard let sums = self.sums(days, through: last - back), sums.targets >= minimumTargets else { return false }
            if let season, let skill = skill(sums) { return skill < season.mean - 2 * max(minimumDeviation, season.deviation) }
            guard let backtest, backtest > 0, sums.persistenceError > 0 else { return false }
            return sums.error / sums.persistenceError > decayFactor * backtest
        }
        health.state = isDecayed ? .decayed : coverages.contains(sums.covered / sums.targets) ? .ok : .miscalibrated
        return health
    }

    private static func skill(_ sums: Day) -> Double? { sums.climatologyError > 0 ? 1 - sums.error / sums.climatologyError : nil }

    private static func sums(_ days: [Day], through last: Int64) -> Day? {
        let window = days.filter { $0.day <= last && $0.day > last - windowDays && $0.targets > 0 }
        guard let first = window.first else { return nil }
        return window.dropFirst().reduce(first, +)
    }

    /// Mean and standard deviation of the skill of the weeks that are in the same season of earlier years.
    private static func season(_ history: [Day], around day: Int64) -> (mean: Double, deviation: Double)? {
        var weeks: [Int64: Day] = [:]
        for past in history where day - past.day > 250 {
            let distance = (Double(day - past.day) / 365.25 - (Double(day - past.day) / 365.25).rounded()) * 365.25
            guard distance.magnitude <= Double(seasonDays) else { continue }
            weeks[past.day / 7] = weeks[past.day / 7].map { $0 + past } ?? past
        }
        let skills = weeks.values.compactMap { $0.targets >= minimumTargets / 4 ? skill($0) : nil }
        guard skills.count >= seasonWeeks else { return nil }
        let mean = skills.reduce(0, +) / Double(skills.count)
        let squares = skills.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return (mean, (squares / Double(skills.count - 1)).squareRoot())
    }
}
