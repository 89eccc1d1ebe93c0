package import Measures
package import Observing
internal import Psychrometrics

/// A summary of one sensor's observations of one day (UTC): all that the health of a sensor is judged by.
package struct SensorDay: Sendable, Equatable {
    /// A day with a smaller share of observed bins is not used.
    package static let minimumShare = 0.5

    package var day: Int64  // since 1970
    package var share: Double  // of the bins that were observed, 0 to 1
    package var humidity: Double  // mean relative humidity, %
    /// Mean vapour pressure, hPa. Rooms and places near each other differ less in vapour pressure than in relative humidity, because temperature does not
    /// change it. Without temperature: the humidity.
    package var vapourPressure: Double
    package var saturationPressure: Double  // mean, hPa; without temperature: 100
    package var change: Double  // mean absolute change of humidity from hour to hour, %; 0 without two hours
    package var stillShare: Double  // share of hours whose humidity is exactly that of the hour before
    package var hours: Double  // pairs of consecutive hours

    package init(
        day: Int64, share: Double, humidity: Double, vapourPressure: Double, saturationPressure: Double, change: Double, stillShare: Double,
        hours: Double
    ) {
        (self.day, self.share, self.humidity, self.vapourPressure) = (day, share, humidity, vapourPressure)
        (self.saturationPressure, self.change, self.stillShare, self.hours) = (saturationPressure, change, stillShare, hours)
    }

    /// - Parameter observations: of any days, oldest first.
    /// - Returns: the days that have observations, oldest first.
    package static func days(of observations: some Sequence<Observation>, grid: TimeGrid) -> [SensorDay] {
        var days: [SensorDay] = []
        var sums = Sums()
        var last: Observation?
        for observation in observations {
            // A bin is labelled with its end, so the bin at midnight belongs to the day before.
            let day = (observation.validAt.ms - 1) / 86_400_000
            if day != sums.day {
                if sums.count > 0 { days.append(sums.summary(grid)) }
                sums = Sums(day: day)
            }
            sums.add(observation, after: last)
            if observation.validAt.ms % 3_600_000 == 0 { last = observation }
        }
        if sums.count > 0 { days.append(sums.summary(grid)) }
        return days
    }

    private struct Sums {
        var day: Int64 = .min
        var count = 0.0
        private var humidity = 0.0
        private var vapour = 0.0, saturation = 0.0, temperatures = 0.0
        private var change = 0.0, still = 0.0, pairs = 0.0

        init(day: Int64 = .min) { self.day = day }

        /// - Parameter last: the observation of the last full hour.
        mutating func add(_ observation: Observation, after last: Observation?) {
            count += 1
            humidity += observation.humidity.percent
            if let temperature = observation.temperature {
                vapour += MoistAir.vapourPressure(of: temperature, at: observation.humidity)
                saturation += MoistAir.saturationPressure(at: temperature)
                temperatures += 1
            }
            guard let last, observation.validAt.ms - last.validAt.ms == 3_600_000 else { return }
            let difference = (observation.humidity.percent - last.humidity.percent).magnitude
            pairs += 1
            change += difference
            if difference == 0 { still += 1 }
        }

        func summary(_ grid: TimeGrid) -> SensorDay {
            let bins = 86_400_000 / Double(grid.step.ms)
            let hasTemperature = temperatures >= count / 2
            return SensorDay(
                day: day, share: min(1, count / bins), humidity: humidity / count,
                vapourPressure: hasTemperature ? vapour / temperatures : humidity / count,
                saturationPressure: hasTemperature ? saturation / temperatures : 100, change: pairs > 0 ? change / pairs : 0,
                stillShare: pairs > 0 ? still / pairs : 0, hours: pairs)
        }
    }
}
