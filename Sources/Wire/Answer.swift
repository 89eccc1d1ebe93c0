package import Measures

/// What the cloud says of a batch. Every sequence of the batch is stored, was stored before, refused, or in conflict.
package struct Answer: Sendable, Equatable {
    package static let mediaType = "application/vnd.vaho.answer"
    package static let heldLimit = 64

    package var epoch: Epoch
    package var through: Int64  // the highest sequence up to which nothing is missing; 0 for none
    package var held: [ClosedRange<Int64>]  // the lowest ranges above `through` that the cloud holds, at most 64
    package var refused: [Refused]
    package var conflicts: [Int64]  // same key, other content: nothing stored, to be sent again under a new epoch
    package var next: Next
    package var release: ReleaseName?  // the one to run
    package var wantsNewToken = false  // the device should fetch a new token
    package var isOfTwoHosts = false  // two hosts send as this device; told to devices that report their sensors' states

    package struct Refused: Sendable, Hashable {
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
    package struct Next: Sendable, Hashable {
        package var afterMs: Int64  // when to send again though there is no backlog; with one, how long to wait before the next batch
        package var maxReadings: Int64
        package var maxBytes: Int64
        package init(afterMs: Int64, maxReadings: Int64, maxBytes: Int64) {
            self.afterMs = afterMs
            self.maxReadings = maxReadings
            self.maxBytes = maxBytes
        }
    }

    /// All that it says the cloud holds.
    package var holdings: HeldRanges {
        var holdings = HeldRanges(held)
        if through > 0 { holdings.insert(1...through) }
        return holdings
    }

    package init(
        epoch: Epoch, through: Int64, held: [ClosedRange<Int64>], refused: [Refused], conflicts: [Int64], next: Next, release: ReleaseName?
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
