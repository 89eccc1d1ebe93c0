/// The state of a device. One definition for edge, cloud, page, API, commands and metrics.
///
/// Raw values are stored in the archive (`device.state`): append new cases, never renumber. Lists are ordered by `Severity`, not by raw value.
package enum DeviceState: Int, Sendable, CaseIterable {
    case ok
    case revoked  // by its owner: the cloud expects no data from the device
    case clockUnset  // its clock was never set since the host started
    case duplicate  // two hosts send under one device name
    case silent  // the cloud has received nothing from the device for longer than VAHO_SILENT_AFTER_SECONDS
    case refused  // the cloud rejects the device's requests

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

    /// The name as shown to users.
    package var displayName: String {
        switch self {
        case .clockUnset: "clock unset"
        case .duplicate: "duplicate name"
        default: name
        }
    }
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
