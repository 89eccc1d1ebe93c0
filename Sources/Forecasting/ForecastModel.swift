internal import Measures
package import Observing

/// What a release teaches: for each step it serves, a ridge and an interval table over all its lead times.
package struct ForecastModel: Sendable, Equatable {
    package let steps: [StepModel]

    package init(steps: [StepModel]) { self.steps = steps }

    package func step(for grid: TimeGrid) -> StepModel? { steps.first { $0.grid == grid } }
}

package struct StepModel: Sendable, Equatable {
    package let grid: TimeGrid
    package let leadTimes: [Duration]
    package let features: [Feature]
    package let coefficients: [Float]  // [leadTimes.count × features.count]
    package let quantiles: [Float]  // [leadTimes.count × levels.count], in deviations; no row decreases

    package init(grid: TimeGrid, leadTimes: [Duration], features: [Feature], coefficients: [Float], quantiles: [Float]) {
        self.grid = grid
        self.leadTimes = leadTimes
        self.features = features
        self.coefficients = coefficients
        self.quantiles = quantiles
    }

    /// What the ridge adds to the damped anomaly, in deviations, before the interval table is laid on.
    package func correction(lead: Int, _ inputs: [Double]) -> Double {
        var sum = 0.0
        let row = lead * features.count
        for index in 0..<features.count { sum += Double(coefficients[row + index]) * inputs[index] }
        return sum
    }
}
