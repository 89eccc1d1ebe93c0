package import Forecasting
internal import Measures
internal import Observing

/// The initial interval widths of a device: the median of the final interval widths of the training series. Series are added one at a time.
package struct InitialSpreads: Sendable {
    private let network: Network
    private var finalSpreads = [[Float]](repeating: [], count: Network.Shape.knots * Network.Shape.levels)

    package init(of network: Network) { self.network = network }

    /// - Parameter bins: the bins of the series that are used.
    package mutating func add(_ series: GriddedSeries, in bins: Range<Int>) {
        var forecaster = AdaptiveForecaster(grid: series.grid, network: network)
        for observation in series.observations {
            let bin = series.bin(of: observation.validAt)
            guard bin < bins.upperBound else { break }
            if bin >= bins.lowerBound { forecaster.observe(observation) }
        }
        let inputs = NetworkInputs(binsPerHour: forecaster.history.binsPerHour)
        for (index, spread) in forecaster.spreads.enumerated() where inputs.isServed[index / Network.Shape.levels] {
            finalSpreads[index].append(spread)
        }
    }

    /// [knots × levels]: the median over the series whose grid serves the knot; 1 without series.
    package var spreads: [Float] { finalSpreads.map { values in values.isEmpty ? 1 : values.sorted()[values.count / 2] } }
}
