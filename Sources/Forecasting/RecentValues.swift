/// The last month of one quantity in thousandths of its unit, with the sums of the last day, three days, week, two weeks and month.
///
/// A ring buffer of fixed size. All sums are whole numbers, updated in constant time, without rounding error: after a month of history,
/// values and sums are the same, bit for bit, whatever the first observation was.
package struct RecentValues: Sendable {
    static let missing = Int32.min
    /// A change within an hour below this, in thousandths, counts as no change: half the resolution of a sensor that reports tenths.
    static let noChangeLimit = 50

    package struct Sums: Sendable, Equatable {
        package var count: Int64 = 0
        package var sum: Int64 = 0
        package var squares: Int64 = 0  // at most (3 · 10⁵)² per value: about 10¹⁴ for a thousand values

        mutating func add(_ value: Int32) {
            guard value != RecentValues.missing else { return }
            count += 1
            sum += Int64(value)
            squares += Int64(value) * Int64(value)
        }
        mutating func remove(_ value: Int32) {
            guard value != RecentValues.missing else { return }
            count -= 1
            sum -= Int64(value)
            squares -= Int64(value) * Int64(value)
        }
        package var mean: Float { count > 0 ? Float(Double(sum) / Double(count)) : .nan }
        package var deviation: Float {
            guard count > 0 else { return 0 }
            let spread = Double(max(0, squares * count - sum * sum))
            return Float((spread / (Double(count) * Double(count))).squareRoot())
        }
    }

    /// Statistics of the differences between neighbouring values that are at most one hour apart: the number of differences, the sum of their
    /// absolute values, and the number of differences below `RecentValues.noChangeLimit`.
    package struct Changes: Sendable, Equatable {
        package var count: Int64 = 0
        package var sizes: Int64 = 0
        package var still: Int64 = 0

        mutating func add(_ from: Int32, _ to: Int32, _ sign: Int64) {
            guard from != RecentValues.missing, to != RecentValues.missing else { return }
            let size = Int64(to > from ? to - from : from - to)
            count += sign
            sizes += sign * size
            if size < Int64(RecentValues.noChangeLimit) { still += sign }
        }
        package var meanSize: Float { count > 0 ? Float(Double(sizes) / Double(count)) : 0 }
        package var stillShare: Float { count > 0 ? Float(Double(still) / Double(count)) : 0 }
    }

    private let perHour: Int
    private let perDay: Int
    private var values: [Int32]
    private var head = 0  // index of the newest value
    private var phase = 0  // the newest value's bin of the day
    // [perDay] sums by bin of the day (`phase`), from the half hour before to the half hour after that bin, over the last 7 and the last 30 days.
    private var sameHourWeek: [Sums]
    private var sameHourMonth: [Sums]
    private var phaseWeek: [Sums]  // sums of that bin of the day only, over the last 7 days
    private var phaseMeans: [Double]  // the means of `phaseWeek`; nan where nothing was observed
    package private(set) var length = 0  // bins since the first value, at most the ring's size
    package private(set) var day = Sums()
    package private(set) var threeDays = Sums()
    package private(set) var week = Sums()
    package private(set) var twoWeeks = Sums()
    package private(set) var month = Sums()  // 30 days
    package private(set) var dayChanges = Changes()
    package private(set) var weekChanges = Changes()  // both ends within the last 7 days

    static let days = 30

    package init(perHour: Int) {
        self.perHour = perHour
        perDay = 24 * perHour
        values = Array(repeating: RecentValues.missing, count: RecentValues.days * perDay + 1)
        sameHourWeek = Array(repeating: Sums(), count: perDay)
        sameHourMonth = sameHourWeek
        phaseWeek = sameHourWeek
        phaseMeans = Array(repeating: .nan, count: perDay)
    }

    package var capacity: Int { values.count }

    var stateBytes: Int {
        values.count * MemoryLayout<Int32>.stride + 3 * perDay * MemoryLayout<Sums>.stride
            + perDay * MemoryLayout<Double>.stride
    }

    /// In thousandths; `missing` outside the ring and where nothing was observed.
    subscript(lag: Int) -> Int32 {
        guard lag >= 0, lag < length else { return RecentValues.missing }
        return values[head >= lag ? head - lag : head - lag + values.count]
    }

    /// - Parameter phase: the bin of the day of the next value.
    mutating func begin(phase: Int) { self.phase = (phase + perDay - 1) % perDay }

    mutating func push(_ value: Int32) {
        head = head + 1 == values.count ? 0 : head + 1
        values[head] = value
        length = min(length + 1, values.count)
        phase = phase + 1 == perDay ? 0 : phase + 1
        day.add(value)
        day.remove(self[perDay])
        threeDays.add(value)
        threeDays.remove(self[3 * perDay])
        let left = self[7 * perDay]
        week.add(value)
        week.remove(left)
        twoWeeks.add(value)
        twoWeeks.remove(self[14 * perDay])
        month.add(value)
        month.remove(self[30 * perDay])
        phaseWeek[phase].add(value)
        phaseWeek[phase].remove(left)
        phaseMeans[phase] = phaseWeek[phase].count > 0 ? Double(phaseWeek[phase].sum) / Double(phaseWeek[phase].count) : .nan
        let leftMonth = self[30 * perDay]
        var index = (phase - perHour / 2 + perDay) % perDay
        for _ in 0...(perHour / 2 * 2) {
            sameHourWeek[index].add(value)
            sameHourWeek[index].remove(left)
            sameHourMonth[index].add(value)
            sameHourMonth[index].remove(leftMonth)
            index = index + 1 == perDay ? 0 : index + 1
        }
        let before = self[perHour]
        dayChanges.add(before, value, 1)
        dayChanges.add(self[perDay + perHour], self[perDay], -1)
        weekChanges.add(before, value, 1)
        weekChanges.add(left, self[7 * perDay - perHour], -1)
    }

    /// The mean of the hour that ended `lag` bins ago; `nan` where nothing was observed.
    package func hourMean(lag: Int) -> Float {
        var sums = Sums()
        for bin in lag..<(lag + perHour) { sums.add(self[bin]) }
        return sums.mean
    }

    /// The mean of the half hours before and after a bin, without bins newer than now; `nan` where nothing was observed.
    package func centredHourMean(lag: Int) -> Float {
        guard perHour > 1 else { return self[lag] == RecentValues.missing ? .nan : Float(self[lag]) }
        var sums = Sums()
        for bin in max(0, lag - perHour / 2)...(lag + perHour / 2) { sums.add(self[bin]) }
        return sums.mean
    }

    /// The mean of the last 7 days at the time of day `bins` after now; `nan` where nothing was observed.
    package func sameHourMean(lead bins: Int) -> Float { sameHourWeek[index(after: bins)].mean }
    /// Climatology: `sameHourMean`, or the week's mean if nothing was observed at that time of day.
    package func climatology(lead bins: Int) -> Float {
        let mean = sameHourMean(lead: bins)
        return mean == mean ? mean : week.mean
    }
    /// The mean of the last 30 days at the time of day `bins` after now; `nan` where nothing was observed.
    package func sameHourMonthMean(lead bins: Int) -> Float { sameHourMonth[index(after: bins)].mean }

    private func index(after bins: Int) -> Int {
        var index = phase + bins  // at most five days ahead: the loop is cheaper than a division
        while index >= perDay { index -= perDay }
        return index
    }

    /// The standard deviation of the last week's means by time of day.
    package var dailySpread: Float {
        var (count, sum, squares) = (0.0, 0.0, 0.0)
        let overall = Double(week.sum) / Double(week.count)
        for mean in phaseMeans where mean == mean {
            let distance = mean - overall
            count += 1
            sum += distance
            squares += distance * distance
        }
        guard count > 0 else { return 0 }
        return Float(max(0, squares / count - sum / count * sum / count).squareRoot())
    }
}
