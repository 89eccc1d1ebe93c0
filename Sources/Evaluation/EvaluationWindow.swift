package import Forecasting
package import Measures
internal import Observing

/// The part of a series that judges a candidate. The candidate learns only from the bins before the window.
package struct EvaluationWindow: Sendable, Hashable {
    package let bins: Range<Int>
    package let startAt: Instant  // time of the first observation in the window

    /// The newest 15 % of the observations, but at least 30 and at most 60 days of them, and never more than half of the series. So a short series
    /// is not only a few calendar blocks long, and the cost of an evaluation does not grow with the length of a series.
    package init(of series: GriddedSeries) {
        let perDay = Int(86_400_000 / series.grid.step.ms)
        let count = series.observations.count
        let wanted = min(max(count * 15 / 100, 30 * perDay), 60 * perDay, max(1, count / 2))
        let first = series.observations[count - wanted]
        bins = series.bin(of: first.validAt)..<series.bins
        startAt = first.validAt
    }

    /// The bins that a candidate may learn from.
    package var trainingBins: Range<Int> { 0..<bins.lowerBound }
}
