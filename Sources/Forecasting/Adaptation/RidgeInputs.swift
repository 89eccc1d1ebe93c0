/// The input row of the residual ridges for an origin: some of the network's inputs, the inputs specific to a lead time, the network's forecast,
/// and nonlinear terms of these.
///
/// The nonlinear terms exist because air dries and moistens at different rates, and behaves differently near saturation.
struct RidgeInputs: Sendable {
    private static let sharedNames = [
        "humidity.hour.1", "humidity.hour.2", "humidity.hour.3", "humidity.hour.5", "humidity.hour.8", "humidity.hour.12", "humidity.hour.18",
        "humidity.hour.24", "humidity.mean.1d", "humidity.mean.3d", "humidity.mean.7d", "humidity.same_hour_now", "humidity.lag.600",
        "humidity.lag.1800", "temperature.hour.1", "temperature.hour.3", "temperature.hour.6", "temperature.hour.12", "temperature.hour.24",
        "temperature.mean.7d", "humidity.room",
    ]
    private static let chosen: [Int] = sharedNames.compactMap { NetworkInputs.sharedNames.firstIndex(of: $0) }
    private static let own = chosen.count  // index of the first input specific to a lead time: see `LeadAdaptation.Issued`
    private static let network = own + LeadAdaptation.ownInputs
    private static let one = network + 1
    private static func place(_ name: String) -> Int { sharedNames.firstIndex(of: name) ?? 0 }
    private static let room = place("humidity.room")
    /// `bent`: the absolute value of these inputs is an additional input. `stretched`: these inputs times the distance to saturation are too.
    private static let bent = [
        place("humidity.hour.1"), place("humidity.lag.600"), network, place("humidity.hour.2"), place("humidity.lag.1800"), own,
    ]
    private static let stretched = [network, own, place("humidity.hour.1"), place("humidity.mean.7d")]
    static let width = one + 1 + bent.count + stretched.count

    private let binsPerHour: Int
    private var recent: [[Float]]  // the inputs of the last six hours' origins, one row per bin
    private var hourly: [[Float]]  // the inputs of the last 120 hours' full-hour origins
    private(set) var row = [Float](repeating: 0, count: width)

    init(binsPerHour: Int) {
        self.binsPerHour = binsPerHour
        let empty = [Float](repeating: 0, count: RidgeInputs.chosen.count)
        recent = Array(repeating: empty, count: 6 * binsPerHour + 1)
        hourly = Array(repeating: empty, count: 121)
    }

    /// - Parameter shared: the network's inputs at this origin.
    mutating func remember(_ shared: borrowing [Float], bin: Int) {
        for (place, input) in RidgeInputs.chosen.enumerated() {
            recent[bin % recent.count][place] = shared[input]
            if bin % binsPerHour == 0 { hourly[bin / binsPerHour % hourly.count][place] = shared[input] }
        }
    }

    /// Fills `row` for the newest origin or an origin of the last 120 hours.
    mutating func fill(_ issued: LeadAdaptation.Issued) {
        let isHour = issued.origin % binsPerHour == 0
        for place in 0..<RidgeInputs.chosen.count {
            row[place] = isHour ? hourly[issued.origin / binsPerHour % hourly.count][place] : recent[issued.origin % recent.count][place]
        }
        for place in 0..<LeadAdaptation.ownInputs { row[RidgeInputs.own + place] = issued.own[place] }
        row[RidgeInputs.network] = issued.network
        row[RidgeInputs.one] = 1
        var place = RidgeInputs.one + 1
        for input in RidgeInputs.bent {
            row[place] = row[input].magnitude
            place += 1
        }
        for input in RidgeInputs.stretched {
            row[place] = row[input] * row[RidgeInputs.room]
            place += 1
        }
    }

    var stateBytes: Int { (recent.count + hourly.count) * RidgeInputs.chosen.count * MemoryLayout<Float>.stride }
}
