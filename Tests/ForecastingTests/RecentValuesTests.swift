@testable import Forecasting
import Testing

@Suite struct RecentValuesTests {
    private func random(_ count: Int, seed: UInt64) -> [Int32] {
        var state = seed | 1
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state % 11 == 0 ? RecentValues.missing : Int32(state >> 40) % 100_001
        }
    }

    private func filled(_ values: some Sequence<Int32>, perHour: Int) -> RecentValues {
        var recent = RecentValues(perHour: perHour)
        for value in values { recent.push(value) }
        return recent
    }

    private func sums(_ values: some Sequence<Int32>) -> RecentValues.Sums {
        var sums = RecentValues.Sums()
        for value in values { sums.add(value) }
        return sums
    }

    @Test(arguments: [(1, 30), (1, 500), (1, 2_000), (6, 100), (6, 5_500)])
    func `running sums equal the sums of the values in their windows`(perHour: Int, count: Int) {
        let values = random(count, seed: UInt64(count))
        let recent = filled(values, perHour: perHour)
        let day = 24 * perHour
        #expect(recent.day == sums(values.suffix(day)))
        #expect(recent.threeDays == sums(values.suffix(3 * day)))
        #expect(recent.week == sums(values.suffix(7 * day)))
        #expect(recent.twoWeeks == sums(values.suffix(14 * day)))
        #expect(recent.month == sums(values.suffix(30 * day)))
        #expect((0..<min(count, 30 * day)).allSatisfy { recent[$0] == values[count - 1 - $0] })
        #expect(recent[-1] == RecentValues.missing && recent[recent.capacity] == RecentValues.missing)
    }

    @Test(arguments: [1, 6]) func `changes within an hour are counted if both ends are known`(perHour: Int) {
        let values = random(1_500, seed: 5)
        let recent = filled(values, perHour: perHour)
        func changes(_ window: Int) -> RecentValues.Changes {
            var changes = RecentValues.Changes()
            for place in (values.count - window)..<values.count { changes.add(values[place - perHour], values[place], 1) }
            return changes
        }
        #expect(recent.dayChanges == changes(24 * perHour))
        #expect(recent.weekChanges == changes((7 * 24 - 1) * perHour))
    }

    @Test func `the mean for a time of day uses the same hours of the last week and month`() {
        let values = random(1_000, seed: 9)
        let recent = filled(values, perHour: 1)
        for lead in [0, 1, 5, 23, 24, 120] {
            let first = (24 - lead % 24) % 24  // lag of the latest same hour
            let lags = stride(from: first, to: 30 * 24, by: 24)
            #expect(recent.sameHourMean(lead: lead) == sums(lags.prefix { $0 < 168 }.map { recent[$0] }).mean)
            #expect(recent.sameHourMonthMean(lead: lead) == sums(lags.map { recent[$0] }).mean)
        }
    }

    @Test func `a state from the last month equals a state from a longer history`() {
        let values = random(9_000, seed: 3)
        let long = filled(values, perHour: 6)
        let short = filled(values.suffix(30 * 144 + 1), perHour: 6)
        #expect(long.week == short.week && long.month == short.month && long.weekChanges == short.weekChanges)
        #expect((0..<144).allSatisfy { long.sameHourMean(lead: $0) == short.sameHourMean(lead: $0) })
        #expect(long.dailySpread == short.dailySpread)
    }

    @Test func `missing values alone have no mean`() {
        let empty = filled([RecentValues.missing, RecentValues.missing], perHour: 1)
        #expect(empty.day.mean.isNaN && empty.hourMean(lag: 0).isNaN && empty.centredHourMean(lag: 1).isNaN && empty.sameHourMean(lead: 3).isNaN)
        #expect(empty.dailySpread == 0 && empty.week.deviation == 0 && empty.dayChanges.meanSize == 0)
    }
}
