package import Forecasting
internal import Measures
internal import Observing

/// Where a device's intervals begin: where those of the training series ended.
package enum IntervalStart {
    /// - Parameter parts: series and the bins of each that count.
    /// - Returns: [knots × levels]: the median over the series that serve a knot.
    package static func spreads(of network: Network, on parts: [(series: GriddedSeries, bins: Range<Int>)]) -> [Float] {
        var found = [[Float]](repeating: [], count: Network.Shape.knots * Network.Shape.levels)
        for (series, bins) in parts {
            var forecaster = AdaptiveForecaster(grid: series.grid, network: network)
            for observation in series.observations {
                let bin = series.bin(of: observation.validAt)
                guard bin < bins.upperBound else { break }
                if bin >= bins.lowerBound { forecaster.observe(observation) }
            }
            let inputs = NetworkInputs(binsPerHour: forecaster.history.binsPerHour)
            for (place, spread) in forecaster.spreads.enumerated() where inputs.isServed[place / Network.Shape.levels] { found[place].append(spread) }
        }
        return found.map { values in values.isEmpty ? 1 : values.sorted()[values.count / 2] }
    }
}
