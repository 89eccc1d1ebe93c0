package import Measures

/// Limits on what one device can make the archive store, checked before anything is stored.
package struct ArchiveLimits: Sendable {
    /// Names of sensors. Rows of further sensors are refused one by one.
    package var sensorsPerDevice = 256
    /// Bytes stored in a day (UTC). Beyond it the device gets 429 until midnight.
    package var bytesPerDay: Int64 = 1_000_000_000

    /// Ranges of held sequences in one epoch: a device fills its gaps, so it needs few.
    static let rangesPerEpoch = 16_384
    /// Of all epochs: a batch of holes may name each of them.
    static let rangesPerDevice: Int64 = 65_536
    static let epochsPerDevice = 1_024
    /// Clock corrections, and calibrations, of one device. Later ones stay in the log and are not applied.
    static let amendmentsPerDevice: Int64 = 10_000
    static let renamesPerDevice: Int64 = 256

    package init() {}

    /// Bytes that a batch counts against the day's limit. Columns of equal values pack to almost nothing, yet each reading costs work
    /// and part of an observation; hence the least.
    static func cost(bytes: Int, readings: Int, records: Int) -> Int64 { Int64(max(bytes, 16 * readings + 64 * records)) }
}

/// A batch that cannot be stored because of a limit. Nothing of it is stored; the device sends it again later.
package enum IngestRefusal: Error, Equatable, CustomStringConvertible {
    case tooManyRanges(Epoch)
    case tooManyRangesOfDevice
    case tooManyEpochs
    case dayIsFull(limit: Int64, untilMidnight: Duration)

    package var description: String {
        switch self {
        case .tooManyRanges(let epoch):
            "epoch \(epoch) would have more than \(ArchiveLimits.rangesPerEpoch) separate ranges: send its lowest missing sequences first"
        case .tooManyRangesOfDevice:
            "this device would have more than \(ArchiveLimits.rangesPerDevice) separate ranges: send the lowest missing sequences first"
        case .tooManyEpochs:
            "this device has sent rows of \(ArchiveLimits.epochsPerDevice) epochs, which is the limit: add it anew under another name"
        case .dayIsFull(let limit, _):
            "this device has stored \(limit) bytes today, which is its limit (VAHO_DEVICE_MB_PER_DAY): the rest is taken after midnight UTC"
        }
    }

    package var retryAfter: Duration {
        switch self {
        case .tooManyRanges, .tooManyRangesOfDevice, .tooManyEpochs: .seconds(60)
        case .dayIsFull(_, let untilMidnight): untilMidnight
        }
    }
}
