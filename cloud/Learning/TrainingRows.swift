package import Forecasting
internal import Randomness
internal import Measures
internal import Observing

/// The training data of a network: the inputs at sampled origins, and the humidity that was observed at the targets.
///
/// Each series gives a bounded sample, so memory does not grow with history. Besides rows with a whole week of history there are rows with one to
/// seven days, because every device starts with a short history.
package struct TrainingRows: Sendable {
    package struct Sampling: Sendable {
        package var rowsPerSeries: Int
        package var youngShare: Float  // the share of origins that are sampled a second time, with a short history
        package init(rowsPerSeries: Int = 18_000, youngShare: Float = 0.6) {
            self.rowsPerSeries = rowsPerSeries
            self.youngShare = youngShare
        }

        /// - Parameters:
        ///   - total: the approximate number of rows of all series together. Rows with a short history are not counted.
        ///   - series: the number of series.
        package init(total: Int, series: Int) { self.init(rowsPerSeries: min(18_000, max(200, total / max(1, series)))) }

        /// About the number of rows of one series, at most.
        package var maximumRows: Int { Int(Float(rowsPerSeries) * (1 + youngShare)) }
    }

    package private(set) var count = 0
    package private(set) var shared: [Float] = []  // [count × Shape.shared]
    package private(set) var leads: [Float] = []  // [count × knots × leadInputs]
    package private(set) var targets: [Float] = []  // [count × knots]: (humidity − humidity at the origin) / deviation; NaN if not observed
    package private(set) var weights: [Float] = []  // [count × knots]: the weight of each target in the loss

    private static let leadInputs = NetworkInputs.leadNames.count

    package init() {}

    /// Allocates memory for this number of rows at once. An array that grows step by step needs up to three times its size for a moment.
    package mutating func reserve(_ rows: Int) {
        let values = rows * Network.Shape.knots
        shared.reserveCapacity(rows * Network.Shape.shared)
        leads.reserveCapacity(values * TrainingRows.leadInputs)
        targets.reserveCapacity(values)
        weights.reserveCapacity(values)
    }

    package mutating func append(_ other: TrainingRows) {
        shared += other.shared
        leads += other.leads
        targets += other.targets
        weights += other.weights
        count += other.count
    }

    /// The inputs of a knot, in the order of `NetworkInputs.leadNames`; the other lanes are 0.
    func lead(row: Int, knot: Int) -> SIMD16<Float> {
        let first = (row * Network.Shape.knots + knot) * TrainingRows.leadInputs
        var lead = SIMD16<Float>.zero
        for input in 0..<TrainingRows.leadInputs { lead[input] = leads[first + input] }
        return lead
    }

    /// - Parameters:
    ///   - bins: the range that contains all origins and targets.
    ///   - number: the series' number; seeds the sampling.
    package mutating func add(_ series: GriddedSeries, in bins: Range<Int>, number: Int, sampling: Sampling) {
        let stride = TrainingRows.stride(bins.count, rows: sampling.rowsPerSeries, binsPerDay: Int(86_400_000 / series.grid.step.ms))
        let before = count
        var naive = NaiveErrors()
        visit(series, bins, restarts: nil, wants: { $0 % stride == 0 }) { rows, origin, inputs in rows.add(series, bins, origin, inputs, &naive) }
        let scale = (3_000 / Float(max(1, count - before))).squareRoot()
        var random = RandomNumbers(1, UInt64(number))
        var chance = RandomNumbers(2, UInt64(number))
        let perDay = Float(86_400_000 / series.grid.step.ms)
        visit(
            series, bins, restarts: { Int(perDay * (1 + 6.5 * random.unitFloat() * random.unitFloat())) },
            wants: { _ in chance.unitFloat() * Float(stride) < sampling.youngShare }
        ) { rows, origin, inputs in
            guard inputs.shared[TrainingRows.history] >= 0.75 / 7 else { return }
            var ignored = NaiveErrors()
            rows.add(series, bins, origin, inputs, &ignored)
        }
        // Weights follow the ratio that backtests report: an error counts relative to the smaller error of persistence and seasonal naive.
        for row in before..<count {
            for knot in 0..<Network.Shape.knots { weights[row * Network.Shape.knots + knot] *= scale / max(0.01, naive.smallerError(knot)) }
        }
    }

    /// The distance between two sampled origins. If it divides the day too evenly, all origins of a series would have the same few times of day.
    static func stride(_ bins: Int, rows: Int, binsPerDay: Int) -> Int {
        func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : greatestCommonDivisor(b, a % b) }
        var stride = max(1, (bins + rows - 1) / max(1, rows))
        while greatestCommonDivisor(stride, binsPerDay) > binsPerDay / minimumTimesOfDay { stride += 1 }
        return stride
    }
    private static let minimumTimesOfDay = 12

    private static let history = NetworkInputs.sharedNames.firstIndex(of: "history.share") ?? 0

    private struct NaiveErrors {
        var persistence = [Double](repeating: 0, count: Network.Shape.knots)
        var seasonal = [Double](repeating: 0, count: Network.Shape.knots)
        var count = [Double](repeating: 0, count: Network.Shape.knots)
        func smallerError(_ knot: Int) -> Float { count[knot] > 0 ? Float(min(persistence[knot], seasonal[knot]) / count[knot]) : 1 }
    }

    private mutating func add(
        _ series: GriddedSeries, _ bins: Range<Int>, _ origin: Int, _ inputs: borrowing NetworkInputs, _ naive: inout NaiveErrors
    ) {
        shared += inputs.shared
        for lead in inputs.leads { for input in 0..<TrainingRows.leadInputs { leads.append(lead[input]) } }
        for knot in 0..<Network.Shape.knots {
            let target = origin + inputs.bins(knot: knot)
            let actual = inputs.isServed[knot] && bins.contains(target) ? Float(series.humidity(bin: target)) : .nan
            targets.append((actual - inputs.now) / inputs.deviation)
            weights.append(inputs.deviation)
            guard actual == actual else { continue }
            naive.persistence[knot] += Double((actual - inputs.now).magnitude)
            naive.seasonal[knot] += Double((actual - inputs.now - inputs.leads[knot][NetworkInputs.latest] * inputs.deviation).magnitude)
            naive.count[knot] += 1
        }
        count += 1
    }

    /// Calls `body` for the wanted origins with their inputs.
    /// - Parameters:
    ///   - restarts: returns the number of bins until the history is emptied next; `nil` to keep the whole history.
    ///   - wants: called for every observed origin. The inputs are computed only for the wanted origins, because they are the costly part.
    private mutating func visit(
        _ series: GriddedSeries, _ bins: Range<Int>, restarts: (() -> Int)?, wants: (Int) -> Bool,
        _ body: (inout TrainingRows, Int, borrowing NetworkInputs) -> Void
    ) {
        var history = History(grid: series.grid)
        var inputs = NetworkInputs(binsPerHour: history.binsPerHour)
        var restart = bins.lowerBound + (restarts?() ?? .max - bins.lowerBound)
        // Without restarts, the history begins before `bins`, so that the first origins already have a full history.
        let first = restarts == nil ? bins.lowerBound - (History.days + 1) * history.binsPerDay : bins.lowerBound
        for observation in series.observations {
            let bin = series.bin(of: observation.validAt)
            guard bin >= first else { continue }
            guard bin < bins.upperBound else { return }
            if let restarts, bin >= restart {
                history = History(grid: series.grid)
                restart = bin + restarts()
            }
            history.append(observation)
            let hasShortHistory = restarts != nil
            guard bin >= bins.lowerBound, history.length >= (hasShortHistory ? history.binsPerDay * 3 / 4 : 3 * history.binsPerDay),
                wants(bin), inputs.fill(history)
            else { continue }
            body(&self, bin, inputs)
        }
    }
}
