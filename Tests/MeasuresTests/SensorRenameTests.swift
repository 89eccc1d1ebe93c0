import Measures
import Testing

@Suite struct SensorRenameTests {
    private func name(_ text: String) throws -> SensorName { try #require(SensorName(text)) }
    private func at(_ seconds: Int64) -> Instant { Instant(ms: 1_790_000_000_000 + seconds * 1_000) }

    /// One sensor is renamed from cellar to vault at 100 s and to archive at 300 s. A second sensor starts as cellar at 100 s and is renamed to
    /// attic at 200 s.
    private func renames() throws -> [SensorRename] {
        try [
            SensorRename(sensor: name("vault"), name: name("archive"), until: at(300), enteredAt: at(300)),
            SensorRename(sensor: name("cellar"), name: name("attic"), until: at(200), enteredAt: at(200)),
            SensorRename(sensor: name("cellar"), name: name("vault"), until: at(100), enteredAt: at(90)),
        ].sortedByEntry()
    }

    @Test func `a reading belongs to the series of the sensor that had the name when the reading was taken`() throws {
        let renames = try renames()
        for (sensor, second, series) in [
            ("cellar", 50, "archive"), ("cellar", 99, "archive"), ("cellar", 100, "attic"), ("cellar", 199, "attic"), ("cellar", 200, "cellar"),
            ("vault", 50, "archive"), ("vault", 299, "archive"), ("vault", 300, "vault"), ("roof", 50, "roof"),
        ] as [(String, Int64, String)] {
            #expect(renames.series(of: try name(sensor), at: at(second)) == (try name(series)), "\(sensor) at \(second) s")
        }
    }

    @Test func `a calibration follows the sensor that had the name when the calibration was entered`() throws {
        let renames = try renames()
        for (sensor, enteredAt, series) in [("cellar", 10, "archive"), ("cellar", 150, "attic"), ("cellar", 250, "cellar"), ("vault", 95, "archive")]
            as [(String, Int64, String)]
        {
            let calibration = Calibration(sensor: try name(sensor), from: at(0), enteredAt: at(enteredAt), offsetMpct: 1_000)
            #expect(renames.renamed(calibration).sensor == (try name(series)), "\(sensor) said at \(enteredAt) s")
        }
    }
}
