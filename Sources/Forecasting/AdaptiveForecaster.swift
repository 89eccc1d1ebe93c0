package import Measures
package import Observing

/// One sensor's forecaster: its history, the release's network, and the state learnt on the device.
///
/// The forecast at each knot of lead time is the network's departure from now, plus the correction of a residual ridge, then passed through a
/// gate that can reduce it to "no change", with tracked intervals. Between knots, the difference from the damped anomaly is interpolated. Without
/// a network the damped anomaly replaces the network's forecast. A value type: the same observations in the same order produce the same state,
/// bit for bit.
package struct AdaptiveForecaster: Sendable {
    /// How much history is replayed to rebuild the state: the weight of older observations has faded to less than a fifth.
    package static let memory: Duration = .seconds(120 * 86_400)

    /// The forecast from the newest origin at one knot.
    private struct KnotForecast {
        var departure: Float = 0  // the median's departure from now, in deviations
        var beyondDampedAnomaly: Float = 0  // the departure minus the damped anomaly's departure
        var distances = SIMD8<Float>()  // the distances of the levels from the median
        var skill = Float.nan
    }

    package private(set) var history: History
    package let network: Network?
    private var inputs: NetworkInputs
    private var pass: Network.Pass
    private var leads: [LeadAdaptation]  // by knot
    private var newest: [KnotForecast]  // from the newest origin, by knot
    private var ridgeInputs: RidgeInputs
    private let damping: [Damping]  // by knot
    private let plans: [LeadPlan]
    private let leadTimes: [Duration]
    private let stepMs: Int64
    private var isCurrent = false  // whether `newest` is computed from the newest observation

    package init(grid: TimeGrid, network: Network?) {
        history = History(grid: grid)
        self.network = network
        inputs = NetworkInputs(binsPerHour: history.binsPerHour)
        pass = Network.Pass(network?.shape ?? Network.Shape(first: 16, second: 16))
        let perHour = history.binsPerHour
        let levels = Network.Shape.levels
        leads = NetworkInputs.knots.indices.map { [inputs] in
            LeadAdaptation(
                bins: inputs.bins(knot: $0), binsPerHour: perHour,
                spreads: Array((network?.spreads ?? Network.Shape.evenSpreads)[($0 * levels)..<(($0 + 1) * levels)]))
        }
        newest = Array(repeating: KnotForecast(), count: leads.count)
        ridgeInputs = RidgeInputs(binsPerHour: perHour)
        damping = NetworkInputs.knots.map { DampedAnomaly.damping(for: $0) }
        plans = LeadPlan.all(on: grid, served: NetworkInputs.knots.indices.filter { [inputs] in inputs.isServed[$0] })
        leadTimes = ForecastShape.leadTimes(on: grid)
        stepMs = grid.step.ms
    }

    /// Adds the next observation: scores the forecasts whose target is this observation, learns from their errors, and prepares the next forecast.
    /// - Returns: whether the observation was added; false if it is not newer than the last one.
    @discardableResult
    package mutating func observe(_ observation: Observation) -> Bool {
        guard history.append(observation) else { return false }
        let bin = Int(observation.validAt.ms / stepMs)
        isCurrent = bin >= 0 && inputs.fill(history)
        guard isCurrent else { return true }
        learn(bin)
        if let network { network.run(inputs, &pass) }
        ridgeInputs.remember(inputs.shared, bin: bin)
        for knot in leads.indices where inputs.isServed[knot] { prepare(knot, bin) }
        // The ridge of each knot is solved once a day. Each knot has a different hour, so that the work is spread over the day.
        let hour = bin / history.binsPerHour
        for knot in leads.indices where inputs.isServed[knot] { leads[knot].solve(day: (hour + knot) / 24) }
        return true
    }

    private mutating func learn(_ bin: Int) {
        for knot in leads.indices where inputs.isServed[knot] {
            guard let pendingForecast = leads[knot].pendingForecast(target: bin) else { continue }
            ridgeInputs.fill(pendingForecast)
            leads[knot].learn(pendingForecast, inputs: ridgeInputs.row, actual: inputs.now, target: bin, binsPerHour: history.binsPerHour)
        }
    }

    private mutating func prepare(_ knot: Int, _ bin: Int) {
        let lead = inputs.leads[knot]
        var issued = PendingForecast()
        issued.origin = bin
        (issued.now, issued.deviation) = (inputs.now, inputs.deviation)
        issued.climatology = (history.humidity.climatology(lead: leads[knot].bins) / 1_000 - inputs.now) / inputs.deviation
        let target = bin + leads[knot].bins
        let memory = leads[knot].memory(target: target, binsPerHour: history.binsPerHour)
        issued.own = SIMD8(
            lead[NetworkInputs.latest], lead[NetworkInputs.month], lead[NetworkInputs.mean], lead[NetworkInputs.meanTemperature],
            lead[NetworkInputs.latestTemperature], memory.0, memory.1, memory.2)
        // With less than a day of history, or after an outage, the air's usual movement is unknown: the departure is reduced towards persistence,
        // and the intervals are not narrower than usual.
        let length = Float(history.humidity.week.count) / Float(history.binsPerDay)
        issued.network = AdaptiveForecaster.bounded(network?.median(knot, inputs, pass) ?? dampedAnomaly(knot)) * min(1, length)
        ridgeInputs.fill(issued)
        issued.corrected = issued.network + leads[knot].ridge.correction(ridgeInputs.row)
        issued.usualChange = leads[knot].gate.usualChange
        let shortHistory = leads[knot].shortHistory
        let days = Float(history.humidity.month.count) / Float(history.binsPerDay)
        issued.final = leads[knot].gate.departure(issued.corrected, usualChange: issued.usualChange) * shortHistory.departureFactor(days: days)
        if let network {
            let distances = network.distances(knot, pass)
            for level in ForecastShape.levels.indices { issued.distances[level] = AdaptiveForecaster.bounded(distances[level]) }
        } else {
            let quantiles = DampedAnomaly.weights(for: NetworkInputs.knots[knot]).quantiles
            for level in quantiles.indices { issued.distances[level] = Float(quantiles[level] - quantiles[ForecastShape.medianLevel]) }
        }
        if length < 2 { issued.distances *= max(1, 4 / inputs.deviation) }
        newest[knot] = KnotForecast(
            departure: issued.final, beyondDampedAnomaly: issued.final - dampedAnomaly(knot),
            distances: issued.distances * leads[knot].widths(target: target, binsPerHour: history.binsPerHour) * shortHistory.widening(days: days),
            skill: leads[knot].skill.skill ?? .nan)
        if bin >= 0, bin % leads[knot].stride == 0 { leads[knot].issue(issued) }
    }

    /// A signature does not prove that a release's weights are sensible: this limits any departure to a finite number that air can reach.
    private static func bounded(_ departure: Float) -> Float { departure == departure ? max(-20, min(20, departure)) : 0 }

    /// The damped anomaly's departure at a knot, in deviations.
    private func dampedAnomaly(_ knot: Int) -> Float {
        damping[knot].departure(then: inputs.leads[knot][NetworkInputs.mean], now: inputs.shared[AdaptiveForecaster.sameHourNow])
    }
    private static let sameHourNow = NetworkInputs.sharedNames.firstIndex(of: "humidity.same_hour_now") ?? 0

    /// The tracked interval factors by knot and level: [knots × levels]; 1 for knots that are not served.
    package var spreads: [Float] { leads.flatMap { lead in (0..<Network.Shape.levels).map { lead.intervals.factors[$0] } } }

    /// The size of the state in bytes, without the network, which all sensors share.
    package var stateBytes: Int {
        history.humidity.stateBytes + history.temperature.stateBytes + leads.reduce(0) { $0 + $1.stateBytes }
            + ridgeInputs.stateBytes
    }

    /// The forecast from the newest observation. `nil` if nothing has been observed.
    package func forecast() -> QuantileForecast? {
        guard isCurrent, let origin = history.origin else { return nil }
        let usualNow = inputs.shared[AdaptiveForecaster.sameHourNow]
        let climatologyTemperature = history.temperature.climatology(lead: 0)
        let hasTemperature = history.temperature[0] != RecentValues.missing
        var humidity = [Double](repeating: 0, count: plans.count * Network.Shape.levels)
        var climatology = [Double](repeating: 0, count: plans.count)
        var skill = [Double?](repeating: nil, count: plans.count)
        var temperatures = [Double](repeating: 0, count: hasTemperature ? plans.count : 0)
        var quantiles = humidity.mutableSpan
        var usually = climatology.mutableSpan
        for index in plans.indices {
            let plan = plans[index]
            let (low, high, share) = (newest[plan.low], newest[plan.high], plan.share)
            let usual = history.humidity.climatology(lead: plan.bins) / 1_000
            var median = low.departure
            // If both neighbouring knots forecast no change, so does this lead time.
            if plan.low != plan.high, low.departure != 0 || high.departure != 0 {
                let then = max(-5, min(5, (usual - inputs.now) / inputs.deviation))
                median =
                    plan.humidity.departure(then: then, now: usualNow) + low.beyondDampedAnomaly + share
                    * (high.beyondDampedAnomaly - low.beyondDampedAnomaly)
            }
            let distances = low.distances + share * (high.distances - low.distances)
            let values = inputs.now + inputs.deviation * (median + distances)
            var least: Float = 0  // limits the values to 0 to 100 %, in increasing order
            for level in 0..<Network.Shape.levels {
                least = values[level] > least ? (values[level] < 100 ? values[level] : 100) : least
                quantiles[index * Network.Shape.levels + level] = Double(least)
            }
            usually[index] = Double(usual)
            let expected = low.skill + share * (high.skill - low.skill)
            if expected == expected { skill[index] = Double(expected) }
            if hasTemperature { temperatures[index] = medianTemperature(plan, usualNow: climatologyTemperature) }
        }
        return QuantileForecast(
            origin: origin, leadTimes: leadTimes, humidity: humidity, temperature: hasTemperature ? temperatures : nil,
            climatology: climatology, skill: skill, now: RelativeHumidity(percent: history.humidity(lag: 0)),
            method: network == nil ? .dampedAnomaly : .network)
    }

    /// The median temperature in °C, from the damped anomaly. With less than four days of history the result is closer to the present temperature.
    private func medianTemperature(_ plan: LeadPlan, usualNow: Float) -> Double {
        let now = Float(history.temperature[0])
        let historyShare = min(1, Float(history.temperature.week.count) / Float(4 * history.binsPerDay))
        let departure = plan.temperature.departure(then: history.temperature.climatology(lead: plan.bins) - now, now: usualNow - now)
        return Double(now + historyShare * departure) / 1_000
    }
}
