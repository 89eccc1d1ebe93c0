/// Predicts a sensor's vapour pressure from the vapour pressures of its peers: a ridge regression over a reference period in which the sensor is assumed to
/// be healthy.
struct PeerModel {
    static let minimumPeers = 3
    static let maximumPeers = 6
    /// Only sensors whose daily changes are correlated with those of this sensor are peers.
    private static let minimumCorrelation = 0.4
    private static let minimumDays = 30
    private static let penalty = 0.003  // of the number of days
    /// The least usual size of a residual, %RH, so that a calm reference period does not make every change an alarm.
    private static let minimumScale = 0.3

    let peers: [Int]  // places in the list of candidates
    private let means: [Double], deviations: [Double], weights: [Double]  // by place in `peers`
    private let offset: Double
    private let median: Double  // of the residuals in the reference period, %RH
    /// The usual size of a residual, %RH: 1.4826 times the median absolute deviation.
    let scale: Double

    /// - Parameters:
    ///   - own: the sensor's days; places are days.
    ///   - candidates: the days of other sensors, at the same places.
    ///   - span: the reference period.
    ///   - day: the day that is judged next: a peer must have a value on one of the three days up to this day.
    /// - Returns: `nil` with fewer than three peers, or with too few days.
    init?(_ own: [SensorDay?], _ candidates: [[SensorDay?]], over span: Range<Int>, for day: Int) {
        var ranked: [(correlation: Double, place: Int)] = []
        for (place, candidate) in candidates.enumerated() {
            guard candidate[max(0, day - 2)...day].contains(where: { $0 != nil }) else { continue }
            if let correlation = PeerModel.correlation(own, candidate, span), correlation >= PeerModel.minimumCorrelation {
                ranked.append((correlation, place))
            }
        }
        ranked.sort { ($0.correlation, -Double($0.place)) > ($1.correlation, -Double($1.place)) }
        peers = ranked.prefix(PeerModel.maximumPeers).map(\.place)
        guard peers.count >= PeerModel.minimumPeers else { return nil }
        var rows: [[Double]] = []
        var targets: [Double] = []
        var saturations: [Double] = []
        for day in span {
            guard let own = own[day], let row = PeerModel.inputs(own, candidates, peers, day) else { continue }
            rows.append(row)
            targets.append(own.vapourPressure)
            saturations.append(own.saturationPressure)
        }
        guard rows.count >= PeerModel.minimumDays else { return nil }
        let count = Double(rows.count)
        let width = peers.count
        var means = [Double](repeating: 0, count: width), deviations = means
        for row in rows { for column in 0..<width { means[column] += row[column] / count } }
        for row in rows { for column in 0..<width { deviations[column] += (row[column] - means[column]) * (row[column] - means[column]) / count } }
        deviations = deviations.map { max(1e-9, $0.squareRoot()) }
        let offset = targets.reduce(0, +) / count
        let scaled = rows.map { row in (0..<width).map { (row[$0] - means[$0]) / deviations[$0] } }
        guard let weights = PeerModel.solve(scaled, targets.map { $0 - offset }, penalty: PeerModel.penalty * count) else { return nil }
        (self.means, self.deviations, self.weights, self.offset) = (means, deviations, weights, offset)
        let residuals = scaled.indices.map { index in
            (targets[index] - offset - zip(weights, scaled[index]).reduce(0) { $0 + $1.0 * $1.1 }) / saturations[index] * 100
        }
        median = PeerModel.median(residuals)
        let middle = median
        scale = max(PeerModel.minimumScale, 1.4826 * PeerModel.median(residuals.map { ($0 - middle).magnitude }))
    }

    /// The difference between the sensor's humidity and the humidity expected from the peers, in %RH at the sensor's own temperature.
    /// - Returns: `nil` if a peer has no value on this day.
    func residual(_ own: SensorDay, _ candidates: [[SensorDay?]], day: Int) -> Double? {
        guard let row = PeerModel.inputs(own, candidates, peers, day) else { return nil }
        var expected = offset
        for column in row.indices { expected += weights[column] * (row[column] - means[column]) / deviations[column] }
        return (own.vapourPressure - expected) / own.saturationPressure * 100 - median
    }

    private static func inputs(_ own: SensorDay, _ candidates: [[SensorDay?]], _ peers: [Int], _ day: Int) -> [Double]? {
        var row: [Double] = []
        row.reserveCapacity(peers.count)
        for peer in peers {
            guard let value = candidates[peer][day]?.vapourPressure else { return nil }
            row.append(value)
        }
        return row
    }

    /// The correlation of the changes from day to day.
    private static func correlation(_ a: [SensorDay?], _ b: [SensorDay?], _ span: Range<Int>) -> Double? {
        var (n, sumA, sumB, squareA, squareB, product) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        for day in span.dropFirst() {
            guard let a1 = a[day]?.vapourPressure, let a0 = a[day - 1]?.vapourPressure, let b1 = b[day]?.vapourPressure,
                let b0 = b[day - 1]?.vapourPressure
            else { continue }
            let (x, y) = (a1 - a0, b1 - b0)
            (n, sumA, sumB, squareA, squareB, product) = (n + 1, sumA + x, sumB + y, squareA + x * x, squareB + y * y, product + x * y)
        }
        let (varianceA, varianceB) = (squareA - sumA * sumA / n, squareB - sumB * sumB / n)
        guard n >= Double(minimumDays) - 1, varianceA > 0, varianceB > 0 else { return nil }
        return (product - sumA * sumB / n) / (varianceA * varianceB).squareRoot()
    }

    /// Ridge regression by Cholesky decomposition of the normal equations.
    private static func solve(_ rows: [[Double]], _ targets: [Double], penalty: Double) -> [Double]? {
        let width = rows.first?.count ?? 0
        var matrix = [[Double]](repeating: [Double](repeating: 0, count: width), count: width)
        var solution = [Double](repeating: 0, count: width)
        for (row, target) in zip(rows, targets) {
            for i in 0..<width {
                solution[i] += row[i] * target
                for j in 0...i { matrix[i][j] += row[i] * row[j] }
            }
        }
        for i in 0..<width { matrix[i][i] += penalty }
        for i in 0..<width {
            for j in 0...i {
                var sum = matrix[i][j]
                for k in 0..<j { sum -= matrix[i][k] * matrix[j][k] }
                if i == j {
                    guard sum > 0 else { return nil }
                    matrix[i][i] = sum.squareRoot()
                } else {
                    matrix[i][j] = sum / matrix[j][j]
                }
            }
        }
        for i in 0..<width {
            for k in 0..<i { solution[i] -= matrix[i][k] * solution[k] }
            solution[i] /= matrix[i][i]
        }
        for i in stride(from: width - 1, through: 0, by: -1) {
            for k in (i + 1)..<max(i + 1, width) { solution[i] -= matrix[k][i] * solution[k] }
            solution[i] /= matrix[i][i]
        }
        return solution.allSatisfy(\.isFinite) ? solution : nil
    }

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
