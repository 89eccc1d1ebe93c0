/// How a device is. One definition for edge, cloud, page, API, commands and metrics. A greater state is worse.
package enum DeviceState: Int, Sendable, CaseIterable, Comparable {
    case ok
    case revoked  // by its owner: nothing is expected from it
    case clockUnset  // its clock was never set since the host started
    case duplicate  // two hosts send under its name
    case silent  // the cloud has not heard from it for longer than VAHO_SILENT_AFTER_SECONDS
    case refused  // the cloud does not take what it sends

    package var name: String {
        switch self {
        case .ok: "ok"
        case .revoked: "revoked"
        case .clockUnset: "clock_unset"
        case .duplicate: "duplicate"
        case .silent: "silent"
        case .refused: "refused"
        }
    }

    /// For people.
    package var words: String {
        switch self {
        case .clockUnset: "clock unset"
        case .duplicate: "duplicate name"
        default: name
        }
    }

    package static func < (a: DeviceState, b: DeviceState) -> Bool { a.rawValue < b.rawValue }
}

/// A device's state, since when, and why.
package struct DeviceCondition: Sendable, Hashable {
    package var state: DeviceState
    package var since: Instant?
    package var detail: String?

    package static let ok = DeviceCondition(.ok)

    package init(_ state: DeviceState, since: Instant? = nil, detail: String? = nil) {
        self.state = state
        self.since = since
        self.detail = detail
    }
}
