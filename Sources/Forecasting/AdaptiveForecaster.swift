package import Measures
package import Observing

/// One sensor's forecaster: its history, the release's network, and the state learnt on the device.
///
/// The forecasts at the knots of lead time are made by `NetworkAdaptation`. Between knots, the difference from the damped anomaly is interpolated. A
/// second network, the rival, may forecast in the shadow from the same inputs: its forecasts are only compared with the network's. A value type: the
/// same observations in the same order produce the same state, bit for bit.
package struct AdaptiveForecaster: Sendable {
    /// How much history is replayed to rebuild the state: the weight of older observations has faded to less than a fifth.
    package static let memory: Duration = .seconds(120 * 86_400)

    package private(set) var history: History
    package var network: Network? { adaptation.network }
    private var inputs: NetworkInputs
    private var adaptation: NetworkAdaptation
    private var rival: NetworkAdaptation?
    private var ridgeInputs: RidgeInputs
    private let plans: [LeadPlan]
    private let leadTimes: [Duration]
    private let stepMs: Int64
    private var isCurrent = false  // whether the forecasts are computed from the newest observation
    /// The errors of network and rival at the targets that are the newest observation; empty without a rival.
    package private(set) var pairedErrors: [PairedError] = []

    /// - Parameter rival: the network that forecasts in the shadow, at the lead times of `PairedError`; `nil`: none.
    package init(grid: TimeGrid, network: Network?, rival: Network? = nil) {
        history = History(grid: grid)
        let inputs = NetworkInputs(binsPerHour: history.binsPerHour)
        self.inputs = inputs
        let served = NetworkInputs.knots.indices.filter { inputs.isServed[$0] }
        adaptation = NetworkAdaptation(network: network, knots: served, inputs: inputs, binsPerHour: history.binsPerHour)
        self.rival = rival.map { [binsPerHour = history.binsPerHour] in
            NetworkAdaptation(network: $0, knots: AdaptiveForecaster.pairedKnots, inputs: inputs, binsPerHour: binsPerHour)
        }
        ridgeInputs = RidgeInputs(binsPerHour: history.binsPerHour)
        plans = LeadPlan.all(on: grid, served: served)
        leadTimes = ForecastShape.leadTimes(on: grid)
        stepMs = grid.step.ms
    }

    private static let pairedKnots = PairedError.leadTimes.compactMap { NetworkInputs.knots.firstIndex(of: $0) }

    /// Adds the next observation: scores the forecasts whose target is this observation, learns from their errors, and prepares the next forecast.
    /// - Returns: whether the observation was added; false if it is not newer than the last one.
    @discardableResult
    package mutating func observe(_ observation: Observation) -> Bool {
        guard history.append(observation) else { return false }
        let bin = Int(observation.validAt.ms / stepMs)
        pairedErrors.removeAll(keepingCapacity: true)
        isCurrent = bin >= 0 && inputs.fill(history)
        guard isCurrent else { return true }
        comparePair(bin)
        adaptation.learn(bin, inputs, &ridgeInputs, binsPerHour: history.binsPerHour)
        rival?.learn(bin, inputs, &ridgeInputs, binsPerHour: history.binsPerHour)
        ridgeInputs.remember(inputs.shared, bin: bin)
        adaptation.forecast(bin, history, inputs, &ridgeInputs)
        rival?.forecast(bin, history, inputs, &ridgeInputs)
        return true
    }

    private mutating func comparePair(_ bin: Int) {
        guard let rival else { return }
        for knot in AdaptiveForecaster.pairedKnots {
            guard let own = adaptation.pendingForecast(knot: knot, target: bin), let other = rival.pendingForecast(knot: knot, target: bin) else {
                continue
            }
            let change = inputs.now - own.now
            pairedErrors.append(
                PairedError(
                    leadTime: NetworkInputs.knots[knot], error: (change - own.final * own.deviation).magnitude,
                    rivalError: (change - other.final * other.deviation).magnitude, persistenceError: change.magnitude))
        }
    }

    /// Whether all outputs of the network so far were numbers.
    package var isNetworkFinite: Bool { adaptation.isFinite }

    /// The tracked interval factors by knot and level: [knots × levels]; 1 for knots that are not served.
    package var spreads: [Float] { adaptation.spreads }

    /// The size of the state in bytes, without the network, which all sensors share.
    package var stateBytes: Int {
        history.humidity.stateBytes + history.temperature.stateBytes + adaptation.stateBytes + (rival?.stateBytes ?? 0)
            + ridgeInputs.stateBytes
    }

    /// The forecast from the newest observation. `nil` if nothing has been observed.
    package func forecast() -> QuantileForecast? {
        guard isCurrent, let origin = history.origin else { return nil }
        let usualNow = inputs.shared[NetworkInputs.sameHourNow]
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
            let (low, high, share) = (adaptation.newest[plan.low], adaptation.newest[plan.high], plan.share)
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
