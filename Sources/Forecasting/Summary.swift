internal import Measures

/// One quantity of a history, summed up once for all lead times.
///
/// Everything here is in the quantity's own unit; `deviation` makes it scale-free, so that one set of weights serves a
/// church and a street.
package struct Summary: Sendable {
    package enum Quantity: Sendable { case humidity, temperature }

    package let now: Double
    package let dayMean: Double  // of the last 24 h
    package let weekMean: Double  // of the last 7 days
    package let deviation: Double  // standard deviation of the last 7 days, at least `floor`
    package let sameHourMean: [Double]  // [binsPerDay]: at a bin k after the origin's time of day, the mean of the last 7 days; nan where none

    /// - Returns: `nil` where the newest value is missing.
    package init?(_ history: borrowing History, _ quantity: Quantity) {
        let perDay = history.binsPerDay
        func value(_ lag: Int) -> Double { quantity == .humidity ? history.humidity(lag: lag) : history.temperature(lag: lag) }
        now = value(0)
        guard now == now else { return nil }
        var daySum = 0.0
        var dayCount = 0.0
        var sum = 0.0
        var squares = 0.0
        var count = 0.0
        var hourSum = [Double](repeating: 0, count: perDay)
        var hourCount = hourSum
        for lag in 0..<(7 * perDay) {
            let current = value(lag)
            guard current == current else { continue }
            let difference = current - now  // around now, so that the squares keep their digits
            if lag < perDay {
                daySum += difference
                dayCount += 1
            }
            sum += difference
            squares += difference * difference
            count += 1
            let phase = lag % perDay == 0 ? 0 : perDay - lag % perDay  // bins after the origin's time of day
            hourSum[phase] += current
            hourCount[phase] += 1
        }
        dayMean = now + daySum / dayCount
        weekMean = now + sum / count
        let mean = sum / count
        let floor = quantity == .humidity ? 0.5 : 0.25
        deviation = max(floor, max(0, squares / count - mean * mean).squareRoot())
        for phase in 0..<perDay { hourSum[phase] = hourCount[phase] > 0 ? hourSum[phase] / hourCount[phase] : .nan }
        sameHourMean = hourSum
    }

    /// Climatology: the mean of the last 7 days at the target's time of day; without one, the week's mean.
    package func climatology(atLead bins: Int) -> Double {
        let mean = sameHourMean[bins % sameHourMean.count]
        return mean == mean ? mean : weekMean
    }
}
