/// The on-device learning for one knot of lead time: the forecasts whose targets are still ahead, and the state learnt from the targets observed
/// so far.
struct LeadAdaptation: Sendable {
    private static let residualLimit: Float = 3  // deviations: larger residuals are limited to this
    private static let departureLimit: Float = 8  // deviations: larger departures are limited to this in the gate's error sums

    let bins: Int  // the lead time
    let stride: Int  // bins between two origins that are learnt from
    private var issued: [PendingForecast]  // a ring buffer, indexed by origin
    private(set) var ridge: ResidualRidge
    private(set) var gate: NoChangeGate
    private(set) var intervals: IntervalTracking
    private(set) var skill: SkillTracking
    let shortHistory: ShortHistoryDamping
    private let minimumRows: Int  // rows before the ridge has its first weights
    private var solvedDay = Int.min
    // The most recent values and means of the network's residuals.
    private var last: Float = 0
    private var mean: Float = 0
    private let meanRate: Float
    private var sameHour = [Float](repeating: 0, count: 24)

    init(bins: Int, binsPerHour: Int, spreads: [Float]) {
        self.bins = bins
        let hours = Float(bins) / Float(binsPerHour)
        stride = hours <= 6 ? 1 : binsPerHour
        let rowsPerDay = 24 * binsPerHour / stride
        issued = Array(repeating: PendingForecast(), count: bins / stride + 1)
        let strength: Double = hours <= 1 ? 1 : hours <= 2 ? 3 : hours <= 4 ? 5 : hours <= 6 ? 10 : hours <= 9 ? 30 : hours <= 18 ? 50 : 100
        ridge = ResidualRidge(
            width: RidgeInputs.width, penalty: strength * Double(max(1, hours)) * Double(rowsPerDay) / 24, rowsPerDay: rowsPerDay,
            overlap: max(1, bins / stride))
        shortHistory = ShortHistoryDamping(hours: hours)
        gate = NoChangeGate(rowsPerDay: rowsPerDay, overlap: max(1, bins / stride))
        intervals = IntervalTracking(rowsPerDay: rowsPerDay, overlap: max(1, bins / stride), start: spreads)
        skill = SkillTracking(rowsPerDay: rowsPerDay, overlap: max(1, bins / stride))
        minimumRows = 3 * rowsPerDay
        meanRate = 0.02 * 24 / Float(rowsPerDay)
    }

    /// The last residual, the mean residual, and the mean residual at the target's hour of day.
    func memory(target: Int, binsPerHour: Int) -> (Float, Float, Float) { (last, mean, sameHour[LeadAdaptation.hour(target, binsPerHour)]) }

    /// The hour of day, in UTC.
    private static func hour(_ bin: Int, _ binsPerHour: Int) -> Int { bin / binsPerHour % 24 }

    /// The factors on the quantile distances of a forecast for this target.
    func widths(target: Int, binsPerHour: Int) -> SIMD8<Float> { intervals.factors(hour: LeadAdaptation.hour(target, binsPerHour)) }

    mutating func issue(_ forecast: PendingForecast) { issued[forecast.origin / stride % issued.count] = forecast }

    /// The issued forecast for this target; `nil` if there is none.
    func pendingForecast(target: Int) -> PendingForecast? {
        let origin = target - bins
        guard origin >= 0, origin % stride == 0 else { return nil }
        let found = issued[origin / stride % issued.count]
        return found.origin == origin ? found : nil
    }

    mutating func learn(_ due: PendingForecast, inputs: borrowing [Float], actual: Float, target: Int, binsPerHour: Int) {
        let departure = (actual - due.now) / due.deviation
        let residual = max(-LeadAdaptation.residualLimit, min(LeadAdaptation.residualLimit, departure - due.network))
        ridge.add(inputs, residual: residual, corrected: due.corrected - due.network)
        let hour = LeadAdaptation.hour(target, binsPerHour)
        intervals.learn(error: departure - due.final, hour: hour, distances: due.distances)
        let bounded = max(-LeadAdaptation.departureLimit, min(LeadAdaptation.departureLimit, departure))
        gate.learn(due.corrected, usualChange: due.usualChange, actual: bounded)
        skill.learn(error: (departure - due.final) * due.deviation, climatologyError: (departure - due.climatology) * due.deviation)
        last = residual
        mean += meanRate * (residual - mean)
        sameHour[hour] += 0.15 / Float(binsPerHour / stride) * (residual - sameHour[hour])
    }

    var stateBytes: Int {
        issued.count * MemoryLayout<PendingForecast>.stride + ridge.stateBytes + sameHour.count * MemoryLayout<Float>.stride
            + intervals.stateBytes
    }

    /// Solves the ridge at the first call of a new day.
    mutating func solve(day: Int) {
        guard day != solvedDay else { return }
        if solvedDay != .min { ridge.solve(minimumRows: minimumRows) }
        solvedDay = day
    }
}
