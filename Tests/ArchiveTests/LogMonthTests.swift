import Measures
import Testing

@testable import Archive

@Suite struct LogMonthTests {
    @Test(
        arguments: [
            (1_767_225_600_000, "2026_01", 1_767_225_600_000), (1_772_323_199_999, "2026_02", 1_769_904_000_000),
            (1_790_812_800_000, "2026_10", 1_790_812_800_000), (1_798_761_599_999, "2026_12", 1_796_083_200_000),
            (1_798_761_600_000, "2027_01", 1_798_761_600_000), (-1, "1969_12", -2_678_400_000), (1_709_208_000_000, "2024_02", 1_706_745_600_000),
        ] as [(Int64, String, Int64)])
    func `an instant belongs to its month in UTC`(ms: Int64, name: String, start: Int64) {
        let month = LogMonth(of: Instant(ms: ms))
        #expect("\(month)" == name)
        #expect(month.start == Instant(ms: start))
        #expect(month.year == Int64(name.prefix(4)))
    }

    @Test func `partitions cover a span without gaps`() {
        let span = Instant(ms: 1_796_083_200_000)...Instant(ms: 1_801_440_000_000)  // 2026-12-01 to 2027-02-01
        let months = TimePartitions.batches.partitions(for: span)
        #expect(months.map(\.name) == ["batch_2026_12", "batch_2027_01", "batch_2027_02"])
        #expect(zip(months, months.dropFirst()).allSatisfy { $0.months.upperBound == $1.months.lowerBound })
        #expect(TimePartitions.observations.partitions(for: span).map(\.name) == ["observation_bin_2026", "observation_bin_2027"])
        let years = TimePartitions.observations.partitions(for: span)[0].months
        #expect(years.lowerBound.start == Instant(ms: 1_767_225_600_000) && years.upperBound.start == Instant(ms: 1_798_761_600_000))
        #expect(TimePartitions.batches.partitions(for: Instant(ms: 0)...span.upperBound).count == 240)
    }
}
