package import Measures

/// Limits on what one device can make the archive store, checked before anything is stored.
package struct ArchiveLimits: Sendable {
    /// The most sensor names of a device. Rows with further names are refused one by one.
    package var sensorsPerDevice = 256
    /// The most bytes that a device stores in a day (UTC). Beyond the limit, the device gets status 429 until midnight.
    package var bytesPerDay: Int64 = 1_000_000_000

    /// The most separate ranges of held sequences in one epoch. An honest device needs few ranges, because it fills its gaps.
    static let rangesPerEpoch = 16_384
    /// The most separate ranges in all epochs of a device. This limit is needed because the holes of one batch may name every epoch.
    static let rangesPerDevice: Int64 = 65_536
    static let epochsPerDevice = 1_024
    /// The most clock corrections, and the most calibrations, of one device. Records beyond the limit stay in the log and are not applied.
    static let amendmentsPerDevice: Int64 = 10_000
    static let renamesPerDevice: Int64 = 256

    package init() {}

    /// Bytes that a batch counts against the day's limit: at least 16 bytes per reading and 64 bytes per record. The minimum exists because columns
    /// of equal values have almost no bytes, but each reading still costs processing time and disk space for observations.
    static func cost(bytes: Int, readings: Int, records: Int) -> Int64 { Int64(max(bytes, 16 * readings + 64 * records)) }
}

/// A batch that cannot be stored because of a limit. No row of the batch is stored; the device sends the batch again later.
package enum IngestRefusal: Error, Equatable, CustomStringConvertible {
    case tooManyRanges(Epoch)
    case tooManyRangesOfDevice
    case tooManyEpochs
    case dailyQuotaExceeded(limit: Int64, untilMidnight: Duration)

    package var description: String {
        switch self {
        case .tooManyRanges(let epoch):
            "epoch \(epoch) would have more than \(ArchiveLimits.rangesPerEpoch) separate ranges: send its lowest missing sequences first"
        case .tooManyRangesOfDevice:
            "this device would have more than \(ArchiveLimits.rangesPerDevice) separate ranges: send the lowest missing sequences first"
        case .tooManyEpochs:
            "this device has reached the limit of \(ArchiveLimits.epochsPerDevice) epochs: add the device again under another name"
        case .dailyQuotaExceeded(let limit, _):
            "this device has reached its limit of \(limit) bytes a day (VAHO_DEVICE_MB_PER_DAY): send the rest after midnight UTC"
        }
    }

    package var retryAfter: Duration {
        switch self {
        case .tooManyRanges, .tooManyRangesOfDevice, .tooManyEpochs: .seconds(60)
        case .dailyQuotaExceeded(_, let untilMidnight): untilMidnight
        }
    }
}
