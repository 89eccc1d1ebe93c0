/// One knot of lead time on the device: what was forecast and has not come yet, and what was learnt from what came.
struct LeadAdaptation: Sendable {
    /// What a forecast's inputs were, for the day its target comes.
    struct Issued: Sendable {
        private var bin = Int32.min
        var now: Float = 0
        var deviation: Float = 1
        var network: Float = 0  // departures, in deviations
        var corrected: Float = 0
        var final: Float = 0  // after the gate
        var usualChange: Float = 0
        var climatology: Float = 0  // its departure
        var own = SIMD8<Float>()  // the ridge's inputs that are this lead time's own
        var distances = SIMD8<Float>()
        /// The bin: in tens of minutes or hours since 1970 there is room for millennia.
        var origin: Int {
            get { Int(bin) }
            set { bin = Int32(clamping: newValue) }
        }
    }

    static let ownInputs = 8
    private static let reach: Float = 3  // deviations: a residual beyond is cut
    private static let farthest: Float = 8  // likewise a departure, in what the gate remembers of errors

    let bins: Int  // the lead time
    let stride: Int  // bins from one origin that is learnt from to the next
    private var issued: [Issued]  // a ring by origin
    private(set) var ridge: ResidualRidge
    private(set) var gate: NoChangeGate
    private(set) var intervals: IntervalTracking
    private(set) var skill: SkillTracking
    let youth: YouthDamping
    private let least: Int  // rows
    private var solvedDay = Int.min
    // Memory of the network's residuals.
    private var last: Float = 0
    private var mean: Float = 0
    private let meanRate: Float
    private var sameHour = [Float](repeating: 0, count: 24)

    init(bins: Int, binsPerHour: Int, spreads: [Float]) {
        self.bins = bins
        let hours = Float(bins) / Float(binsPerHour)
        stride = hours <= 6 ? 1 : binsPerHour
        let rowsPerDay = 24 * binsPerHour / stride
        issued = Array(repeating: Issued(), count: bins / stride + 1)
        let strength: Double = hours <= 1 ? 1 : hours <= 2 ? 3 : hours <= 4 ? 5 : hours <= 6 ? 10 : hours <= 9 ? 30 : hours <= 18 ? 50 : 100
        ridge = ResidualRidge(
            width: RidgeInputs.width, penalty: strength * Double(max(1, hours)) * Double(rowsPerDay) / 24, rowsPerDay: rowsPerDay,
            overlap: max(1, bins / stride))
        youth = YouthDamping(hours: hours)
        gate = NoChangeGate(rowsPerDay: rowsPerDay, overlap: max(1, bins / stride))
        intervals = IntervalTracking(rowsPerDay: rowsPerDay, overlap: max(1, bins / stride), start: spreads)
        skill = SkillTracking(rowsPerDay: rowsPerDay, overlap: max(1, bins / stride))
        least = 3 * rowsPerDay
        meanRate = 0.02 * 24 / Float(rowsPerDay)
    }

    /// The memory of residuals as it is now, for a target of this bin.
    func memory(target: Int, binsPerHour: Int) -> (Float, Float, Float) { (last, mean, sameHour[LeadAdaptation.hour(target, binsPerHour)]) }

    /// Of the day, in UTC.
    private static func hour(_ bin: Int, _ binsPerHour: Int) -> Int { bin / binsPerHour % 24 }

    /// What the distances of a forecast for a target of this bin are multiplied by.
    func widths(target: Int, binsPerHour: Int) -> SIMD8<Float> { intervals.factors(hour: LeadAdaptation.hour(target, binsPerHour)) }

    mutating func issue(_ forecast: Issued) { issued[forecast.origin / stride % issued.count] = forecast }

    /// The forecast whose target is this bin, where one was issued.
    func due(target: Int) -> Issued? {
        let origin = target - bins
        guard origin >= 0, origin % stride == 0 else { return nil }
        let found = issued[origin / stride % issued.count]
        return found.origin == origin ? found : nil
    }

    mutating func settle(_ due: Issued, inputs: borrowing [Float], actual: Float, target: Int, binsPerHour: Int) {
        let departure = (actual - due.now) / due.deviation
        let residual = max(-LeadAdaptation.reach, min(LeadAdaptation.reach, departure - due.network))
        ridge.add(inputs, residual: residual, corrected: due.corrected - due.network)
        let hour = LeadAdaptation.hour(target, binsPerHour)
        intervals.settle(error: departure - due.final, hour: hour, distances: due.distances)
        let bounded = max(-LeadAdaptation.farthest, min(LeadAdaptation.farthest, departure))
        gate.settle(due.corrected, usualChange: due.usualChange, actual: bounded)
        skill.settle(error: (departure - due.final) * due.deviation, climatologyError: (departure - due.climatology) * due.deviation)
        last = residual
        mean += meanRate * (residual - mean)
        sameHour[hour] += 0.15 / Float(binsPerHour / stride) * (residual - sameHour[hour])
    }

    var stateBytes: Int {
        issued.count * MemoryLayout<Issued>.stride + ridge.stateBytes + sameHour.count * MemoryLayout<Float>.stride
            + intervals.stateBytes
    }

    /// At the first call of a new day.
    mutating func solve(day: Int) {
        guard day != solvedDay else { return }
        if solvedDay != .min { ridge.solve(least: least) }
        solvedDay = day
    }
}
