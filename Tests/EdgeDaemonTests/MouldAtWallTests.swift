@testable import EdgeDaemon
import EdgeStore
import StoreExamples
import Measures
import Psychrometrics
import Testing

@Suite struct MouldAtWallTests {
    /// A room of 60 % at 20 °C with its wall at 11 °C for 60 days. The wall's observations are stored after the room's.
    @Test func `the mould index beside a measured wall is the same whether it is queried often or once`() async throws {
        let (room, wall) = (try #require(SensorName("room")), try #require(SensorName("wall")))
        var indices: [Double] = []
        for isAskedOften in [true, false] {
            let folder = try StoreFolder()
            let store = try await folder.open()
            let mouldIndexes = MouldIndexes(store: store)
            try await store.register(SensorRecord(sensor: room, kind: "simulated", step: .seconds(3_600)))
            try await store.register(SensorRecord(sensor: wall, kind: "simulated", step: .seconds(3_600)))
            var last = Instant(ms: 0)
            for hour in 1...(60 * 24) as ClosedRange<Int64> {
                last = Instant(ms: 1_790_000_000_000 + hour * 3_600_000)
                for (sensor, humidity, celsius) in [(room, 60.0, 20.0), (wall, 90, 11)] {
                    let observation = Observation(
                        validAt: last, humidity: RelativeHumidity(percent: humidity), temperature: Temperature(celsius: celsius))
                    try await store.append([], derived: [DerivedRow(sensor, observation, through: 0)])
                    if isAskedOften, sensor == room { _ = try await mouldIndexes.index(of: room, beside: .measured(wall), at: last) }
                }
            }
            indices.append(try #require(try await mouldIndexes.index(of: room, beside: .measured(wall), at: last)).value)
            let alone = MouldIndexes(store: try await folder.open())  // an instance without cached sums
            #expect(try await alone.index(of: room, beside: nil, at: last)?.value == 0)
        }
        #expect(indices[0] == indices[1] && indices[0] > 1)
    }
}
