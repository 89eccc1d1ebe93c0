/// Corrects the network's forecast at one lead time: a robust ridge regression of the network's residuals with exponential forgetting, learnt on
/// the device.
///
/// Weighted least squares with a penalty that pulls the weights to zero. A row's weight is the usual error over its own error, at most 1 (Huber's
/// weights, which move the fit towards the median). The sums fade daily and cover about two months. The same sums are solved with a strong and a
/// weak penalty; the correction is the mean of both solutions, weighted by their recent errors.
package struct ResidualRidge: Sendable {
    private static let decay: Float = 0.98  // the share of the sums kept per day
    private static let memory: Float = 0.001  // the weight of a new row in the usual error
    private static let fading: Float = 0.03  // the share of the corrections' errors forgotten per day
    private static let correctionLimit: Float = 3  // deviations: the largest correction

    private struct Solution {
        let penalty: Double  // relative to the penalty of the lead time
        let shortHistoryDaysSquared: Double  // days squared: with fewer days of data the penalty grows
        var weights: [Float]
        var error: Float = 0  // an exponentially fading sum

        func correction(_ inputs: borrowing [Float]) -> Float {
            var sum: Float = 0
            for index in weights.indices { sum += weights[index] * inputs[index] }
            return max(-ResidualRidge.correctionLimit, min(ResidualRidge.correctionLimit, sum))
        }
    }

    package let width: Int
    private let penalty: Double
    private let rowsPerDay: Int
    private let overlap: Float
    private var gram: [Float]  // lower triangle, row by row
    private var moment: [Float]
    private var usualError: Float = 0, usualErrorWeight: Float = 0
    private var rows = 0
    private var count: Float = 0  // the fading number of rows in the solutions' errors
    private var strong: Solution
    private var weak: Solution
    private var share: Float = 0  // the weight of the weak solution

    /// - Parameters:
    ///   - penalty: in rows. Errors of overlapping spans are correlated, so the penalty grows with the lead time.
    ///   - overlap: consecutive rows whose forecast spans overlap; together these count as one independent row.
    package init(width: Int, penalty: Double, rowsPerDay: Int, overlap: Int) {
        self.rowsPerDay = rowsPerDay
        self.width = width
        self.penalty = penalty
        self.overlap = Float(overlap)
        gram = Array(repeating: 0, count: width * (width + 1) / 2)
        moment = Array(repeating: 0, count: width)
        strong = Solution(penalty: 1, shortHistoryDaysSquared: 3_600, weights: moment)
        weak = Solution(penalty: 0.15, shortHistoryDaysSquared: 1_800, weights: moment)
    }

    /// - Parameters:
    ///   - residual: observed minus the network's forecast, in deviations.
    ///   - corrected: the correction that this ridge issued for the same target.
    package mutating func add(_ inputs: borrowing [Float], residual: Float, corrected: Float) {
        compare(inputs, residual: residual)
        let error = (residual - corrected).magnitude
        usualError += ResidualRidge.memory * (error - usualError)
        usualErrorWeight += ResidualRidge.memory * (1 - usualErrorWeight)
        let usual = usualError / usualErrorWeight
        let weight = error > usual ? usual / error : 1
        var index = 0
        for row in 0..<width {
            let value = inputs[row] * weight
            for column in 0...row {
                gram[index] += value * inputs[column]
                index += 1
            }
            moment[row] += value * residual
        }
        rows += 1
    }

    /// Weights the two solutions by their errors. At equal errors the strong solution has the larger weight, because it overfits less.
    private mutating func compare(_ inputs: borrowing [Float], residual: Float) {
        let decay = 1 - ResidualRidge.fading / Float(rowsPerDay)
        strong.error = strong.error * decay + (residual - strong.correction(inputs)).magnitude
        weak.error = weak.error * decay + (residual - weak.correction(inputs)).magnitude
        count = count * decay + 1
        let least = max(1e-6, min(strong.error, weak.error))
        func solutionWeight(_ error: Float, _ handicap: Float) -> Float {  // approximates e^(−x) by 1/(1 + x/8)^8
            let part = 1 + (count / overlap * max(0, error / least - 1) + handicap) / 8
            let square = part * part
            return 1 / (square * square * square * square)
        }
        let solutionWeights = (solutionWeight(strong.error, 0), solutionWeight(weak.error, 1.5))
        share = solutionWeights.1 / (solutionWeights.0 + solutionWeights.1)
    }

    package func correction(_ inputs: borrowing [Float]) -> Float {
        let first = strong.correction(inputs)
        return first + share * (weak.correction(inputs) - first)
    }

    /// Computes new weights from the sums, then fades the sums. Call once a day.
    /// - Parameter minimumRows: the number of rows before the first weights.
    package mutating func solve(minimumRows: Int) {
        defer { fade() }
        guard rows >= minimumRows else { return }
        if let weights = weights(of: strong) { strong.weights = weights }
        if let weights = weights(of: weak) { weak.weights = weights }
    }

    /// Solves by Cholesky decomposition, in a fixed order. `nil` if the matrix is nearly singular: the previous weights stay.
    private func weights(of solution: Solution) -> [Float]? {
        var factor = gram.map { Double($0) }
        func at(_ row: Int, _ column: Int) -> Int { row * (row + 1) / 2 + column }
        // A few days contain only one weather situation, whose relations may not hold in the next situation: the penalty is larger at first.
        let days = Double(rows) / Double(rowsPerDay)
        for row in 0..<width { factor[at(row, row)] += penalty * solution.penalty * (1 + solution.shortHistoryDaysSquared / (days * days)) }
        for row in 0..<width {
            for column in 0...row {
                var sum = factor[at(row, column)]
                for k in 0..<column { sum -= factor[at(row, k)] * factor[at(column, k)] }
                if row == column {
                    guard sum > 0 else { return nil }
                    factor[at(row, row)] = sum.squareRoot()
                } else {
                    factor[at(row, column)] = sum / factor[at(column, column)]
                }
            }
        }
        var solved = moment.map { Double($0) }
        for row in 0..<width {
            for k in 0..<row { solved[row] -= factor[at(row, k)] * solved[k] }
            solved[row] /= factor[at(row, row)]
        }
        for row in stride(from: width - 1, through: 0, by: -1) {
            for k in (row + 1)..<max(row + 1, width) { solved[row] -= factor[at(k, row)] * solved[k] }
            solved[row] /= factor[at(row, row)]
        }
        guard solved.allSatisfy({ $0.isFinite }) else { return nil }
        return solved.map { Float($0) }
    }

    var stateBytes: Int { (gram.count + moment.count + strong.weights.count + weak.weights.count) * MemoryLayout<Float>.stride }

    private mutating func fade() {
        for index in gram.indices { gram[index] *= ResidualRidge.decay }
        for index in moment.indices { moment[index] *= ResidualRidge.decay }
    }
}
