package import EdgeStore
internal import Measures
internal import Text
package import Wire

/// Values that the daemon stores for commands that read the store.
extension ReadingStore {
    private static let uplink = "uplink"
    private static let written = "written"

    /// How the last exchange with the cloud ended.
    package func uplinkState() throws -> UplinkState? { try read { try $0.meta.value(Self.uplink).flatMap(UplinkState.init(stored:)) } }
    func setUplinkState(_ state: UplinkState) throws {
        if try uplinkState() != state { try write { try $0.meta.set(Self.uplink, state.stored) } }
    }

    /// Bytes written per day, measured since the daemon started.
    package func writtenPerDay() throws -> Int64? {
        let parts = try read { try $0.meta.value(Self.written) }?.split(separator: " ").compactMap { Int64($0) }
        guard let parts, parts.count == 2 else { return nil }
        return WrittenBytes.Rate(bytes: parts[0], seconds: parts[1]).bytesPerDay
    }
    func storeWriteRate(_ rate: WrittenBytes.Rate) throws { try write { try $0.meta.set(Self.written, "\(rate.bytes) \(rate.seconds)") } }

    /// All alarms that are raised now.
    package func alerts() throws -> [ThresholdAlert] {
        try read { try $0.alarms.raised() }.map {
            ThresholdAlert(rule: $0.rule, text: $0.text, sensor: $0.sensor, since: $0.since, valueMilli: Int64(Milli.rounded($0.value) ?? 0))
        }
    }
}
