/// One network's forecasts of one sensor, corrected by what the device has learnt from the errors of these forecasts.
///
/// The forecast at each knot of lead time is the network's departure from now, plus the correction of a residual ridge, then passed through a
/// gate that can reduce it to "no change", with tracked intervals. Without a network the damped anomaly replaces the network's forecast.
struct NetworkAdaptation: Sendable {
    /// The forecast from the newest origin at one knot.
    struct KnotForecast {
        var departure: Float = 0  // the median's departure from now, in deviations
        var beyondDampedAnomaly: Float = 0  // the departure minus the damped anomaly's departure
        var distances = SIMD8<Float>()  // the distances of the levels from the median
        var skill = Float.nan
    }

    let network: Network?
    private let knots: [Int]  // those that are forecast
    private let damping: [Damping]  // by place in `knots`
    private var pass: Network.Pass
    private var leads: [LeadAdaptation]  // by place in `knots`
    private(set) var newest: [KnotForecast]  // from the newest origin, by knot
    /// Whether all outputs of the network so far were numbers. The golden vectors of a release cover only a few inputs.
    private(set) var isFinite = true

    /// - Parameter knots: indices of the knots to forecast; the grid must serve each of them.
    init(network: Network?, knots: [Int], inputs: NetworkInputs, binsPerHour: Int) {
        self.network = network
        self.knots = knots
        pass = Network.Pass(network?.shape ?? Network.Shape(first: 16, second: 16))
        damping = knots.map { DampedAnomaly.damping(for: NetworkInputs.knots[$0]) }
        let levels = Network.Shape.levels
        leads = knots.map { knot in
            LeadAdaptation(
                bins: inputs.bins(knot: knot), binsPerHour: binsPerHour,
                spreads: Array((network?.spreads ?? Network.Shape.evenSpreads)[(knot * levels)..<((knot + 1) * levels)]))
        }
        newest = Array(repeating: KnotForecast(), count: NetworkInputs.knots.count)
    }

    /// Learns from the forecasts whose target is the newest observation.
    mutating func learn(_ bin: Int, _ inputs: borrowing NetworkInputs, _ ridgeInputs: inout RidgeInputs, binsPerHour: Int) {
        for place in leads.indices {
            guard let pendingForecast = leads[place].pendingForecast(target: bin) else { continue }
            ridgeInputs.fill(pendingForecast)
            leads[place].learn(pendingForecast, inputs: ridgeInputs.row, actual: inputs.now, target: bin, binsPerHour: binsPerHour)
        }
    }

    /// Forecasts from the newest observation.
    mutating func forecast(_ bin: Int, _ history: borrowing History, _ inputs: borrowing NetworkInputs, _ ridgeInputs: inout RidgeInputs) {
        if let network { network.run(inputs, &pass) }
        for place in leads.indices { forecast(at: place, bin, history, inputs, &ridgeInputs) }
        // The ridge of each knot is solved once a day. Each knot has a different hour, so that the work is spread over the day.
        let hour = bin / history.binsPerHour
        for (place, knot) in knots.enumerated() { leads[place].solve(day: (hour + knot) / 24) }
    }

    private mutating func forecast(
        at place: Int, _ bin: Int, _ history: borrowing History, _ inputs: borrowing NetworkInputs, _ ridgeInputs: inout RidgeInputs
    ) {
        let knot = knots[place]
        let lead = inputs.leads[knot]
        let dampedAnomaly = damping[place].departure(then: lead[NetworkInputs.mean], now: inputs.shared[NetworkInputs.sameHourNow])
        var issued = PendingForecast()
        issued.origin = bin
        (issued.now, issued.deviation) = (inputs.now, inputs.deviation)
        issued.climatology = (history.humidity.climatology(lead: leads[place].bins) / 1_000 - inputs.now) / inputs.deviation
        let target = bin + leads[place].bins
        let memory = leads[place].memory(target: target, binsPerHour: history.binsPerHour)
        issued.own = SIMD8(
            lead[NetworkInputs.latest], lead[NetworkInputs.month], lead[NetworkInputs.mean], lead[NetworkInputs.meanTemperature],
            lead[NetworkInputs.latestTemperature], memory.0, memory.1, memory.2)
        // With less than a day of history, or after an outage, the air's usual movement is unknown: the departure is reduced towards persistence,
        // and the intervals are not narrower than usual.
        let length = Float(history.humidity.week.count) / Float(history.binsPerDay)
        issued.network = bounded(network?.median(knot, inputs, pass) ?? dampedAnomaly) * min(1, length)
        ridgeInputs.fill(issued)
        issued.corrected = issued.network + leads[place].ridge.correction(ridgeInputs.row)
        issued.usualChange = leads[place].gate.usualChange
        let shortHistory = leads[place].shortHistory
        let days = Float(history.humidity.month.count) / Float(history.binsPerDay)
        issued.final = leads[place].gate.departure(issued.corrected, usualChange: issued.usualChange) * shortHistory.departureFactor(days: days)
        if let network {
            let distances = network.distances(knot, pass)
            for level in ForecastShape.levels.indices { issued.distances[level] = bounded(distances[level]) }
        } else {
            let quantiles = DampedAnomaly.weights(for: NetworkInputs.knots[knot]).quantiles
            for level in quantiles.indices { issued.distances[level] = Float(quantiles[level] - quantiles[ForecastShape.medianLevel]) }
        }
        if length < 2 { issued.distances *= max(1, 4 / inputs.deviation) }
        newest[knot] = KnotForecast(
            departure: issued.final, beyondDampedAnomaly: issued.final - dampedAnomaly,
            distances: issued.distances * leads[place].widths(target: target, binsPerHour: history.binsPerHour)
                * shortHistory.widening(days: days),
            skill: leads[place].skill.skill ?? .nan)
        if bin >= 0, bin % leads[place].stride == 0 { leads[place].issue(issued) }
    }

    /// A signature does not prove that a release's weights are sensible: this limits any departure to a finite number that air can reach.
    private mutating func bounded(_ departure: Float) -> Float {
        guard departure.isFinite else {
            isFinite = false
            return departure == departure ? (departure > 0 ? 20 : -20) : 0
        }
        return max(-20, min(20, departure))
    }

    /// The issued forecast of a knot whose target is this bin; `nil` if there is none.
    func pendingForecast(knot: Int, target: Int) -> PendingForecast? {
        knots.firstIndex(of: knot).flatMap { leads[$0].pendingForecast(target: target) }
    }

    /// The tracked interval factors by knot and level: [knots × levels]; 1 for knots that are not forecast.
    var spreads: [Float] {
        var spreads = Network.Shape.evenSpreads
        for (place, knot) in knots.enumerated() {
            for level in 0..<Network.Shape.levels { spreads[knot * Network.Shape.levels + level] = leads[place].intervals.factors[level] }
        }
        return spreads
    }

    /// The size of the state in bytes, without the network, which all sensors share.
    var stateBytes: Int { leads.reduce(0) { $0 + $1.stateBytes } }
}
