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
    private static let networkIndices: [Int] = sharedNames.compactMap { NetworkInputs.sharedNames.firstIndex(of: $0) }
    private static let own = networkIndices.count  // index of the first input specific to a lead time: see `PendingForecast`
    private static let network = own + PendingForecast.ownInputs
    private static let biasIndex = network + 1
    private static func index(_ name: String) -> Int { sharedNames.firstIndex(of: name) ?? 0 }
    private static let room = index("humidity.room")
    /// Each input in `absoluteTerms` gives one more input, its absolute value. Each input in `saturationTerms` gives one more input, its product with
    /// the distance to saturation.
    private static let absoluteTerms = [
        index("humidity.hour.1"), index("humidity.lag.600"), network, index("humidity.hour.2"), index("humidity.lag.1800"), own,
    ]
    private static let saturationTerms = [network, own, index("humidity.hour.1"), index("humidity.mean.7d")]
    static let width = biasIndex + 1 + absoluteTerms.count + saturationTerms.count

    private let binsPerHour: Int
    private var recent: [[Float]]  // the inputs of the last six hours' origins, one row per bin
    private var hourly: [[Float]]  // the inputs of the last 120 hours' full-hour origins
    private(set) var row = [Float](repeating: 0, count: width)

    init(binsPerHour: Int) {
        self.binsPerHour = binsPerHour
        let empty = [Float](repeating: 0, count: RidgeInputs.networkIndices.count)
        recent = Array(repeating: empty, count: 6 * binsPerHour + 1)
        hourly = Array(repeating: empty, count: 121)
    }

    /// - Parameter shared: the network's inputs at this origin.
    mutating func remember(_ shared: borrowing [Float], bin: Int) {
        for (index, input) in RidgeInputs.networkIndices.enumerated() {
            recent[bin % recent.count][index] = shared[input]
            if bin % binsPerHour == 0 { hourly[bin / binsPerHour % hourly.count][index] = shared[input] }
        }
    }

    /// Fills `row` for the newest origin or an origin of the last 120 hours.
    mutating func fill(_ issued: PendingForecast) {
        let isHour = issued.origin % binsPerHour == 0
        for index in 0..<RidgeInputs.networkIndices.count {
            row[index] = isHour ? hourly[issued.origin / binsPerHour % hourly.count][index] : recent[issued.origin % recent.count][index]
        }
        for index in 0..<PendingForecast.ownInputs { row[RidgeInputs.own + index] = issued.own[index] }
        row[RidgeInputs.network] = issued.network
        row[RidgeInputs.biasIndex] = 1
        var index = RidgeInputs.biasIndex + 1
        for input in RidgeInputs.absoluteTerms {
            row[index] = row[input].magnitude
            index += 1
        }
        for input in RidgeInputs.saturationTerms {
            row[index] = row[input] * row[RidgeInputs.room]
            index += 1
        }
    }

    var stateBytes: Int { (recent.count + hourly.count) * RidgeInputs.networkIndices.count * MemoryLayout<Float>.stride }
}
