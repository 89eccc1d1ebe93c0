internal import Measures

/// The network's inputs, computed from a history for each origin into the same memory.
///
/// Every value is a share, or a difference from the present value divided by the series' own deviation of the last 7 days: one set of weights
/// works for a church and for a street. Clock time, season and place are not inputs. A missing value is 0, "no different from now".
package struct NetworkInputs: Sendable {
    /// The lead times at which the network forecasts; lead times between are interpolated. Only a fine grid has the first two.
    package static let knots: [Duration] =
        [600, 1_800].map { .seconds($0) } + [1, 2, 3, 4, 6, 9, 12, 15, 18, 24, 30, 36, 48, 72, 96, 120].map { .seconds($0 * 3_600) }

    static let lags = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 21, 23, 24, 25, 36, 47, 48, 49, 72, 96, 120, 144, 167, 168]  // hours
    static let temperatureLags = [1, 2, 3, 6, 12, 23, 24]
    private static let minimumDeviation: Float = 500  // the smallest deviation of humidity used: half a percent
    private static let minimumTemperatureDeviation: Float = 250
    private static let limit: Float = 5

    /// The names of the inputs, in order; a release's contract lists them.
    package static let sharedNames: [String] =
        lags.map { "humidity.hour.\($0)" } + (1...5).map { "humidity.lag.\($0 * 600)" }
        + [
            "humidity.mean.1d", "humidity.mean.3d", "humidity.mean.7d", "humidity.mean.14d", "humidity.mean.30d", "humidity.same_hour_now",
            "humidity.room", "humidity.deviation",
            "humidity.change.1d", "humidity.change.7d", "humidity.still", "humidity.daily_spread", "humidity.deviation.1d", "grid.fine",
            "history.share",
        ] + temperatureLags.map { "temperature.hour.\($0)" }
        + ["temperature.mean.1d", "temperature.mean.7d", "temperature.same_hour_now", "temperature.present"]
    package static let leadNames = [
        "humidity.same_hour.0", "humidity.same_hour.1", "humidity.same_hour.2", "humidity.same_hour.6", "humidity.same_hour.mean",
        "humidity.same_hour.mean3", "humidity.same_hour.change", "temperature.same_hour.0", "temperature.same_hour.mean",
        "humidity.same_hour.month",
    ]
    /// Indices into `leadNames`. The hidden layers use three inputs of a knot: the week's mean, the latest and the month's mean; the linear part
    /// uses all.
    package static let mean = 4, latest = 0, month = 9
    static let latestTemperature = 7, meanTemperature = 8

    static let sameHourNow = sharedNames.firstIndex(of: "humidity.same_hour_now") ?? 0

    /// Whether an input changes its sign when the course of humidity is mirrored. The other inputs describe the size of changes, not their
    /// direction.
    package static let isMirrored: [Bool] = sharedNames.map { name in
        ["humidity.room", "humidity.deviation", "humidity.change", "humidity.still", "humidity.daily", "grid", "history", "temperature.present"]
            .allSatisfy { !name.hasPrefix($0) }
    }

    package private(set) var shared: [Float]
    package private(set) var leads: [SIMD16<Float>]  // [knots.count], the first `leadNames.count` lanes
    package private(set) var now: Float = 0  // %
    package private(set) var deviation: Float = 1  // %
    package private(set) var isServed: [Bool]  // [knots.count]: whether the grid has the knot
    private let bins: [Int]

    package init(binsPerHour: Int) {
        shared = Array(repeating: 0, count: NetworkInputs.sharedNames.count)
        leads = Array(repeating: .zero, count: NetworkInputs.knots.count)
        bins = NetworkInputs.knots.map { Int($0.wholeSeconds) * binsPerHour / 3_600 }
        isServed = NetworkInputs.knots.map { Int($0.wholeSeconds) * binsPerHour % 3_600 == 0 }
    }

    /// A knot's lead time in bins of the grid.
    package func bins(knot: Int) -> Int { bins[knot] }

    /// Scales a value to a network input: value minus present value, divided by the series' deviation over the last 7 days, clamped to ±`limit`.
    private struct Scale {
        let present: Float
        let deviation: Float
        var isValid = true

        /// - Returns: 0 for a missing value.
        func callAsFunction(_ value: Float) -> Float {
            guard isValid, value == value else { return 0 }
            return max(-NetworkInputs.limit, min(NetworkInputs.limit, (value - present) / deviation))
        }
    }

    /// - Returns: false if the newest bin has no humidity; the inputs are then invalid.
    package mutating func fill(_ history: borrowing History) -> Bool {
        let (humidity, temperature) = (history.humidity, history.temperature)
        guard humidity[0] != RecentValues.missing else { return false }
        let scale = Scale(present: Float(humidity[0]), deviation: max(NetworkInputs.minimumDeviation, humidity.week.deviation))
        (now, deviation) = (scale.present / 1_000, scale.deviation / 1_000)
        let hasTemperature = temperature[0] != RecentValues.missing
        let temperatureScale = Scale(
            present: hasTemperature ? Float(temperature[0]) : 0,
            deviation: max(NetworkInputs.minimumTemperatureDeviation, temperature.week.deviation), isValid: hasTemperature)
        var next = 0
        fillHumidity(humidity, scale, history.binsPerHour, &next)
        fillTemperature(temperature, temperatureScale, history.binsPerHour, &next)
        let usual = scale(humidity.sameHourMean(lead: 0))
        for knot in leads.indices where isServed[knot] {
            var lead = SIMD16<Float>.zero
            NetworkInputs.fillHumidity(&lead, humidity, scale, bins: bins[knot], history.binsPerDay, usual: usual)
            NetworkInputs.fillTemperature(&lead, temperature, temperatureScale, bins: bins[knot], history.binsPerDay)
            leads[knot] = lead
        }
        return true
    }

    /// - Parameter next: the index of the next input.
    private mutating func put(_ value: Float, _ next: inout Int) {
        shared[next] = value
        next += 1
    }

    private mutating func fillHumidity(_ humidity: RecentValues, _ scaled: Scale, _ perHour: Int, _ next: inout Int) {
        let spread = scaled.deviation
        for lag in NetworkInputs.lags { put(scaled(humidity.hourMean(lag: lag * perHour)), &next) }
        for lag in 1...5 { put(perHour > 1 && humidity[lag] != RecentValues.missing ? scaled(Float(humidity[lag])) : 0, &next) }
        put(scaled(humidity.day.mean), &next)
        put(scaled(humidity.threeDays.mean), &next)
        put(scaled(humidity.week.mean), &next)
        put(scaled(humidity.twoWeeks.mean), &next)
        put(scaled(humidity.month.mean), &next)
        put(scaled(humidity.sameHourMean(lead: 0)), &next)
        put(min(4, (100_000 - scaled.present) / spread), &next)
        put((spread - 8_000) / (spread + 8_000), &next)
        put(min(NetworkInputs.limit, humidity.dayChanges.meanSize / spread), &next)
        put(min(NetworkInputs.limit, humidity.weekChanges.meanSize / spread), &next)
        put(humidity.weekChanges.stillShare, &next)
        put(humidity.dailySpread / spread, &next)
        put(min(NetworkInputs.limit, humidity.day.deviation / spread), &next)
        put(perHour > 1 ? 1 : 0, &next)
        put(Float(humidity.week.count) / Float(7 * 24 * perHour), &next)
    }

    private mutating func fillTemperature(_ temperature: RecentValues, _ scaled: Scale, _ perHour: Int, _ next: inout Int) {
        for lag in NetworkInputs.temperatureLags {
            let value = temperature[lag * perHour]
            put(value == RecentValues.missing ? 0 : scaled(Float(value)), &next)
        }
        put(scaled(temperature.day.mean), &next)
        put(scaled(temperature.week.mean), &next)
        put(scaled(temperature.sameHourMean(lead: 0)), &next)
        put(scaled.isValid ? 1 : 0, &next)
    }

    /// The humidity at a knot's time of day on past days, in the order of `leadNames`.
    /// - Parameters:
    ///   - bins: the knot's lead time in bins.
    ///   - usual: the week's scaled mean at the present time of day.
    private static func fillHumidity(
        _ lead: inout SIMD16<Float>, _ humidity: RecentValues, _ scaled: Scale, bins: Int, _ perDay: Int, usual: Float
    ) {
        let back = NetworkInputs.latestSameHour(bins: bins, perDay)
        let usualThen = scaled(humidity.climatology(lead: bins))
        let days = (
            humidity.centredHourMean(lag: back), humidity.centredHourMean(lag: back + perDay), humidity.centredHourMean(lag: back + 2 * perDay)
        )
        let sixth = humidity.centredHourMean(lag: back + 6 * perDay)
        let three = NetworkInputs.mean(days)
        let month = humidity.sameHourMonthMean(lead: bins)
        lead[0] = days.0 == days.0 ? scaled(days.0) : usualThen
        lead[1] = days.1 == days.1 ? scaled(days.1) : lead[0]
        lead[2] = days.2 == days.2 ? scaled(days.2) : lead[1]
        lead[3] = sixth == sixth ? scaled(sixth) : lead[2]
        lead[4] = usualThen
        lead[5] = three == three ? scaled(three) : usualThen
        lead[6] = usualThen - usual
        lead[9] = month == month ? scaled(month) : usualThen
    }

    private static func fillTemperature(_ lead: inout SIMD16<Float>, _ temperature: RecentValues, _ scaled: Scale, bins: Int, _ perDay: Int) {
        lead[7] = scaled(temperature.centredHourMean(lag: NetworkInputs.latestSameHour(bins: bins, perDay)))
        lead[8] = scaled(temperature.sameHourMean(lead: bins))
    }

    /// The lag of the latest past bin that has the same time of day as the target of a lead time, in bins.
    private static func latestSameHour(bins: Int, _ perDay: Int) -> Int { (bins + perDay - 1) / perDay * perDay - bins }

    private static func mean(_ days: (Float, Float, Float)) -> Float {
        var (sum, count): (Float, Float) = (0, 0)
        for day in [days.0, days.1, days.2] where day == day {
            sum += day
            count += 1
        }
        return count > 0 ? sum / count : .nan
    }
}
