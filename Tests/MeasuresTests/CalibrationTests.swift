import Measures
import Testing

@Suite struct CalibrationTests {
    private let sensor = SensorName("crypt")
    private let from = Instant(ms: 1_790_000_000_000)

    /// A sensor over saturated magnesium chloride and sodium chloride at 25 °C (Greenspan 1977: 32.8 and 75.3 %).
    @Test func `two references give gain and offset, and the correction meets both references`() throws {
        let crypt = try #require(sensor)
        let found = try #require(Calibration.twoPoint((31.9, 32.8), (76.8, 75.3), sensor: crypt, from: from))
        #expect(abs(found.gainPpm - 946_548) <= 1 && abs(found.offsetMpct - 2_605) <= 1)
        #expect(abs(found.corrected(31_900) - 32_800) <= 1 && abs(found.corrected(76_800) - 75_300) <= 1)
    }

    @Test(arguments: [(50.0, 50.0, 55.0, 55.0), (40, 10, 60, 90), (30, 30, 80, 31), (.nan, 1, 2, 3)])
    func `references too close together, or errors too large to correct, give no calibration`(a: Double, b: Double, c: Double, d: Double) throws {
        #expect(Calibration.twoPoint((a, b), (c, d), sensor: try #require(sensor), from: from) == nil)
    }

    @Test func `corrected values are rounded to a thousandth and limited to 0 to 100 %, and impossible values stay unchanged`() throws {
        let calibration = Calibration(sensor: try #require(sensor), from: from, gainPpm: 1_050_000, offsetMpct: -1_000)
        #expect(
            [50_000, 50_001, 0, 100_000, 103_000, 250_000, -20_000].map(calibration.corrected) == [
                51_500, 51_501, 0, 100_000, 100_000, 250_000, -20_000,
            ])
    }

    @Test func `the last calibration in the log that covers a reading applies, and other readings stay unchanged`() throws {
        let (crypt, roof) = (try #require(sensor), try #require(SensorName("roof")))
        let log = [
            Calibration(sensor: crypt, from: from, offsetMpct: 5_000), Calibration(sensor: crypt, from: from + .seconds(100), offsetMpct: 1_000),
            Calibration(sensor: crypt, from: from + .seconds(50), offsetMpct: 2_000),
        ]
        func said(_ seconds: Int, _ sensor: SensorName, flags: ReadingFlags = []) -> Int32? {
            log.corrected(Reading(takenAt: from + .seconds(seconds), humidityMpct: 40_000, flags: flags), of: sensor).humidityMpct
        }
        #expect(said(-1, crypt) == 40_000 && said(0, crypt) == 45_000 && said(60, crypt) == 42_000 && said(200, crypt) == 42_000)
        #expect(said(60, roof) == 40_000)
        #expect(said(60, crypt, flags: .impossible) == 40_000)
    }
}
