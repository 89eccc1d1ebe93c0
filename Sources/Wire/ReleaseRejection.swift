package import Measures

/// A release that a device used and rejected because of its errors. The device never accepts this release again.
package struct ReleaseRejection: Sendable, Hashable {
    package enum Reason: UInt8, Sendable, CaseIterable {
        case liveError = 1  // larger than that of the last good release or of persistence
        case crashLoop = 2
        case golden = 3  // the golden vectors do not match on this machine
        case notFinite = 4  // the network computes something that is no number

        /// As in files, the API and tables.
        package var name: String {
            switch self {
            case .liveError: "live_error"
            case .crashLoop: "crash_loop"
            case .golden: "golden"
            case .notFinite: "not_finite"
            }
        }

        package init?(name: String) {
            guard let reason = Self.allCases.first(where: { $0.name == name }) else { return nil }
            self = reason
        }
    }

    package static let detailLimit = 200  // bytes

    package var release: ReleaseReference
    package var reason: Reason
    package var at: Instant
    package var detail: String  // one line; at most `detailLimit` bytes

    package init(release: ReleaseReference, reason: Reason, at: Instant, detail: String) {
        (self.release, self.reason, self.at) = (release, reason, at)
        self.detail = detail.truncated(toBytes: ReleaseRejection.detailLimit)
    }
}
