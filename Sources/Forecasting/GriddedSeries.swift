package import Measures
package import Observing

/// A whole series on its grid, for training: one value per bin, `nan` where nothing was observed.
///
/// Memory grows with the observations, not with the time span: one reading of 1976 beside present readings costs almost nothing.
package struct GriddedSeries: Sendable {
    package let name: String
    package let grid: TimeGrid
    package let observations: [Observation]  // strictly increasing
    package let start: Instant
    package let bins: Int  // from the first observation to the last
    private let segments: [Segment]  // by time

    /// Consecutive bins without a gap longer than `maximumGap`.
    private struct Segment: Sendable {
        let first: Int
        var humidity: [Float]
    }

    /// A longer gap, in bins, splits the series into two segments. So there are at most `maximumGap` empty bins for each observation.
    private static let maximumGap = 16

    /// - Parameter observations: in any order; if several have the same time, the first applies.
    /// - Returns: `nil` if there are no observations.
    package init?(name: String, grid: TimeGrid, observations: [Observation]) {
        var ordered: [Observation] = []
        ordered.reserveCapacity(observations.count)
        for observation in observations.sorted(by: { $0.validAt < $1.validAt }) where observation.validAt != ordered.last?.validAt {
            ordered.append(observation)
        }
        guard let first = ordered.first, let last = ordered.last else { return nil }
        let stepMs = grid.step.ms
        var segments: [Segment] = []
        for observation in ordered {
            let bin = Int((observation.validAt - first.validAt).ms / stepMs)
            let humidity = Float(observation.humidity.percent)
            let end = segments.last.map { $0.first + $0.humidity.count } ?? -1
            if segments.isEmpty || bin - end > GriddedSeries.maximumGap {
                segments.append(Segment(first: bin, humidity: [humidity]))
            } else if bin < end {
                segments[segments.count - 1].humidity[bin - segments[segments.count - 1].first] = humidity
            } else {
                segments[segments.count - 1].humidity.append(contentsOf: repeatElement(.nan, count: bin - end))
                segments[segments.count - 1].humidity.append(humidity)
            }
        }
        (self.name, self.grid, self.observations, start, self.segments) = (name, grid, ordered, first.validAt, segments)
        bins = Int((last.validAt - first.validAt).ms / stepMs) + 1
    }

    package func bin(of instant: Instant) -> Int { Int((instant - start).ms / grid.step.ms) }

    /// In %; `nan` where nothing was observed and outside the series.
    package func humidity(bin: Int) -> Double {
        // Most series have one segment and need no search.
        var pieceIndex = 0
        if segments.count > 1 {
            var (low, high) = (0, segments.count)
            while low < high {
                let middle = (low + high) / 2
                if segments[middle].first <= bin { low = middle + 1 } else { high = middle }
            }
            pieceIndex = max(0, low - 1)
        }
        let index = bin - segments[pieceIndex].first
        return segments[pieceIndex].humidity.indices.contains(index) ? Double(segments[pieceIndex].humidity[index]) : .nan
    }

    /// The last humidity observed at or before a bin, or the first observed if there is none; in %.
    package func lastHumidity(notAfter bin: Int) -> Double {
        var (low, high) = (0, observations.count)
        while low < high {
            let middle = (low + high) / 2
            if self.bin(of: observations[middle].validAt) <= bin { low = middle + 1 } else { high = middle }
        }
        return Double(Float(observations[max(0, low - 1)].humidity.percent))
    }
}
