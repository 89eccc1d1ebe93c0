package import Measures
package import Observing

/// A whole series on its grid, for training: bin by bin, `nan` where nothing was observed.
package struct GriddedSeries: Sendable {
    package let name: String
    package let grid: TimeGrid
    package let observations: [Observation]  // strictly increasing
    package let start: Instant
    private let humidity: [Float]

    /// - Parameter observations: in any order; of two for one bin the first counts.
    /// - Returns: `nil` for none, or where they span more than a hundred years.
    package init?(name: String, grid: TimeGrid, observations: [Observation]) {
        var ordered: [Observation] = []
        for observation in observations.sorted(by: { $0.validAt < $1.validAt }) where observation.validAt != ordered.last?.validAt {
            ordered.append(observation)
        }
        guard let first = ordered.first, let last = ordered.last else { return nil }
        let bins = (last.validAt - first.validAt).ms / grid.step.ms + 1
        guard bins <= 100 * 366 * 144 else { return nil }
        var humidity = [Float](repeating: .nan, count: Int(bins))
        for observation in ordered {
            humidity[Int((observation.validAt - first.validAt).ms / grid.step.ms)] = Float(observation.humidity.percent)
        }
        (self.name, self.grid, self.observations, start, self.humidity) = (name, grid, ordered, first.validAt, humidity)
    }

    package var bins: Int { humidity.count }
    package func bin(of instant: Instant) -> Int { Int((instant - start).ms / grid.step.ms) }
    /// In %, `nan` where nothing was observed or beyond the ends.
    package func humidity(bin: Int) -> Double { humidity.indices.contains(bin) ? Double(humidity[bin]) : .nan }
    /// The last one observed at a bin or before it, else the first there is: in %.
    package func lastHumidity(notAfter bin: Int) -> Double {
        var place = min(bin, humidity.count - 1)
        while place > 0, humidity[place].isNaN { place -= 1 }
        return Double(humidity[max(0, place)])
    }
}
