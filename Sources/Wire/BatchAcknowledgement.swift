package import Measures

/// The cloud's answer to a batch. Every sequence of the batch is newly stored, already stored, refused, or in conflict.
package struct BatchAcknowledgement: Sendable, Equatable {
    package static let mediaType = "application/vnd.vaho.answer"
    package static let heldLimit = 64

    package var epoch: Epoch
    package var through: Int64  // the highest sequence up to which the cloud holds all rows; 0 if none
    package var held: [ClosedRange<Int64>]  // the lowest ranges above `through` that the cloud holds, at most 64
    package var refused: [RefusedRow]
    /// Sequences that the cloud holds with other content. The new rows are not stored: the device must send them again under a new epoch.
    package var conflicts: [Int64]
    package var next: Pacing
    package var release: ReleaseReference?  // the release that the device should run
    package var wantsNewToken = false  // the device must fetch a new token
    /// The serial of the settings that the device should fetch. The cloud sets it only for devices that report settings.
    package var settingsSerial: UInt64?
    /// Two hosts send as this device. The cloud sets this flag only for devices that report their sensors' states.
    package var hasDuplicateHost = false

    package struct RefusedRow: Sendable, Hashable {
        package enum Reason: UInt8, Sendable, CaseIterable {
            case malformed = 1
            case future = 2
            case unknownSensor = 3
            case tooOld = 4

            package var name: String {
                switch self {
                case .malformed: "malformed"
                case .future: "future"
                case .unknownSensor: "unknown_sensor"
                case .tooOld: "too_old"
                }
            }
        }
        package var sequence: Int64
        package var reason: Reason
        package init(sequence: Int64, reason: Reason) {
            self.sequence = sequence
            self.reason = reason
        }
    }

    /// How the server paces the device.
    package struct Pacing: Sendable, Hashable {
        package var delayMs: Int64  // without a backlog: time to the next batch; with a backlog: pause before the next batch
        package var maxReadings: Int64
        package var maxBytes: Int64
        package init(delayMs: Int64, maxReadings: Int64, maxBytes: Int64) {
            self.delayMs = delayMs
            self.maxReadings = maxReadings
            self.maxBytes = maxBytes
        }
    }

    /// All sequences that the cloud holds according to this answer.
    package var holdings: HeldRanges {
        var holdings = HeldRanges(held)
        if through > 0 { holdings.insert(1...through) }
        return holdings
    }

    package init(
        epoch: Epoch, through: Int64, held: [ClosedRange<Int64>], refused: [RefusedRow], conflicts: [Int64], next: Pacing, release: ReleaseReference?
    ) {
        self.epoch = epoch
        self.through = through
        self.held = held
        self.refused = refused
        self.conflicts = conflicts
        self.next = next
        self.release = release
    }
}
