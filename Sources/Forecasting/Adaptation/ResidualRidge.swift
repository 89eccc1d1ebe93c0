/// What the network leaves of one lead time, learnt on the device: a robust ridge that forgets.
///
/// Least squares with each row weighted by one over its own error, at most one over the usual error (Huber's weights, so
/// that it leans to the median), pulled to zero by a penalty. Its sums fade daily: they remember about a season.
package struct ResidualRidge: Sendable {
    private static let kept: Float = 0.985  // of the sums, a day
    static let youth = 60.0  // days: fewer count for less
    private static let memory: Float = 0.001  // of the usual error, a row

    package let width: Int
    private let penalty: Double
    private let rowsPerDay: Int
    private var gram: [Float]  // lower triangle, row by row
    private var moment: [Float]
    private var usualError: Float = 0, usualErrorWeight: Float = 0
    private var rows = 0
    package private(set) var weights: [Float]

    /// - Parameter penalty: in rows. Errors of overlapping spans are alike, so it grows with the lead time.
    package init(width: Int, penalty: Double, rowsPerDay: Int) {
        self.rowsPerDay = rowsPerDay
        self.width = width
        self.penalty = penalty
        gram = Array(repeating: 0, count: width * (width + 1) / 2)
        moment = Array(repeating: 0, count: width)
        weights = moment
    }

    /// - Parameters:
    ///   - residual: what came minus what the network said, in deviations.
    ///   - corrected: what this ridge had said of it.
    package mutating func add(_ inputs: borrowing [Float], residual: Float, corrected: Float) {
        let error = (residual - corrected).magnitude
        usualError += ResidualRidge.memory * (error - usualError)
        usualErrorWeight += ResidualRidge.memory * (1 - usualErrorWeight)
        let usual = usualError / usualErrorWeight
        let weight = error > usual ? usual / error : 1
        var place = 0
        for row in 0..<width {
            let value = inputs[row] * weight
            for column in 0...row {
                gram[place] += value * inputs[column]
                place += 1
            }
            moment[row] += value * residual
        }
        rows += 1
    }

    package func correction(_ inputs: borrowing [Float]) -> Float {
        var sum: Float = 0
        for index in 0..<width { sum += weights[index] * inputs[index] }
        return sum
    }

    /// Once a day: new weights from the sums, then the sums fade. By Cholesky's decomposition, in a fixed order.
    /// - Parameter least: rows before the first weights.
    package mutating func solve(least: Int) {
        defer { fade() }
        guard rows >= least else { return }
        var factor = gram.map { Double($0) }
        func at(_ row: Int, _ column: Int) -> Int { row * (row + 1) / 2 + column }
        // A few days have one weather: what holds in them need not hold in the next.
        let share = ResidualRidge.youth * Double(rowsPerDay) / Double(rows)
        for row in 0..<width { factor[at(row, row)] += penalty * (1 + share * share) }
        for row in 0..<width {
            for column in 0...row {
                var sum = factor[at(row, column)]
                for k in 0..<column { sum -= factor[at(row, k)] * factor[at(column, k)] }
                if row == column {
                    guard sum > 0 else { return }  // as good as singular: yesterday's weights stay
                    factor[at(row, row)] = sum.squareRoot()
                } else {
                    factor[at(row, column)] = sum / factor[at(column, column)]
                }
            }
        }
        var solution = moment.map { Double($0) }
        for row in 0..<width {
            for k in 0..<row { solution[row] -= factor[at(row, k)] * solution[k] }
            solution[row] /= factor[at(row, row)]
        }
        for row in stride(from: width - 1, through: 0, by: -1) {
            for k in (row + 1)..<max(row + 1, width) { solution[row] -= factor[at(k, row)] * solution[k] }
            solution[row] /= factor[at(row, row)]
        }
        guard solution.allSatisfy({ $0.isFinite }) else { return }
        weights = solution.map { Float($0) }
    }

    var stateBytes: Int { (gram.count + moment.count + weights.count) * MemoryLayout<Float>.stride }

    private mutating func fade() {
        for place in gram.indices { gram[place] *= ResidualRidge.kept }
        for place in moment.indices { moment[place] *= ResidualRidge.kept }
    }
}
