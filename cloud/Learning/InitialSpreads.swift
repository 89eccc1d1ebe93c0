package import Forecasting
internal import Measures
internal import Observing

/// The initial interval widths of a device: the median of the final interval widths of the training series.
package struct InitialSpreads: Sendable {
    private var finalSpreads = [[Float]](repeating: [], count: Network.Shape.knots * Network.Shape.levels)

    package init() {}

    /// - Parameter final: from `finalSpreads(of:on:in:)`.
    package mutating func add(_ final: [Float?]) {
        for (index, spread) in final.enumerated() { if let spread { finalSpreads[index].append(spread) } }
    }

    /// [knots × levels]: the median over the series whose grid serves the knot; 1 without series.
    package var medians: [Float] { finalSpreads.map { values in values.isEmpty ? 1 : values.sorted()[values.count / 2] } }

    /// Replays a part of a series.
    /// - Parameter bins: the bins of the series that are used.
    /// - Returns: [knots × levels]: the interval widths at the end; `nil` for a knot that the series' grid does not serve.
    /// - Throws: `CancellationError` if the task is cancelled.
    package static func finalSpreads(of network: Network, on series: GriddedSeries, in bins: Range<Int>) throws -> [Float?] {
        var forecaster = AdaptiveForecaster(grid: series.grid, network: network)
        for (number, observation) in series.observations.enumerated() {
            if number % 1_024 == 0 { try Task.checkCancellation() }
            let bin = series.bin(of: observation.validAt)
            guard bin < bins.upperBound else { break }
            if bin >= bins.lowerBound { forecaster.observe(observation) }
        }
        let inputs = NetworkInputs(binsPerHour: forecaster.history.binsPerHour)
        return forecaster.spreads.enumerated().map { inputs.isServed[$0.offset / Network.Shape.levels] ? $0.element : nil }
    }
}
