/// The sums a least-squares fit needs: XᵀX, Xᵀy, yᵀy. Two of them add up, so the whole fleet is fitted from its parts.
package struct NormalEquations: Sendable {
    package let width: Int
    package private(set) var count: Double = 0
    private var gram: [Double]  // lower triangle, row by row
    private var moment: [Double]
    private var square: Double = 0

    package init(width: Int) {
        self.width = width
        gram = Array(repeating: 0, count: width * (width + 1) / 2)
        moment = Array(repeating: 0, count: width)
    }

    package mutating func add(_ inputs: borrowing [Double], target: Double) {
        var place = 0
        for row in 0..<width {
            let value = inputs[row]
            for column in 0...row {
                gram[place] += value * inputs[column]
                place += 1
            }
            moment[row] += value * target
        }
        square += target * target
        count += 1
    }

    package static func += (a: inout NormalEquations, b: NormalEquations) {
        for index in a.gram.indices { a.gram[index] += b.gram[index] }
        for index in a.moment.indices { a.moment[index] += b.moment[index] }
        a.square += b.square
        a.count += b.count
    }

    /// The weights that minimise the squared error plus `penalty` per row on every weight.
    ///
    /// By Cholesky's decomposition, in a fixed order. `nil` where there are no rows or they do not determine the weights.
    package func weights(penalty: Double) -> [Double]? {
        guard count > 0 else { return nil }
        var factor = gram
        func at(_ row: Int, _ column: Int) -> Int { row * (row + 1) / 2 + column }
        for row in 0..<width { factor[at(row, row)] += max(1e-9, penalty) * count }
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
        var solution = moment
        for row in 0..<width {
            for k in 0..<row { solution[row] -= factor[at(row, k)] * solution[k] }
            solution[row] /= factor[at(row, row)]
        }
        for row in stride(from: width - 1, through: 0, by: -1) {
            for k in (row + 1)..<max(row + 1, width) { solution[row] -= factor[at(k, row)] * solution[k] }
            solution[row] /= factor[at(row, row)]
        }
        return solution
    }

    /// Of these weights on the rows summed here: yᵀy − 2wᵀXᵀy + wᵀXᵀXw, over the rows.
    package func meanSquaredError(_ weights: [Double]) -> Double {
        var sum = square
        for row in 0..<width {
            sum -= 2 * weights[row] * moment[row]
            for column in 0...row {
                sum += (row == column ? 1 : 2) * weights[row] * weights[column] * gram[row * (row + 1) / 2 + column]
            }
        }
        return count > 0 ? max(0, sum) / count : .nan
    }
}
