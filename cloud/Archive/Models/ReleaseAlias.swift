package import Measures

/// A movable name for a release. All aliases except `challenger` select the release that devices get.
package enum ReleaseAlias: Sendable, Hashable {
    case champion  // every device without a pin
    case challenger  // the newest release that passed its verdict and is not the champion
    case device(DeviceID)  // a device that is pinned
    case tag(String)  // the devices with a tag

    /// As in the archive, in tables and in the API: `champion`, `challenger`, `device:NAME`, `tag:TAG`.
    package var name: String {
        switch self {
        case .champion: "champion"
        case .challenger: "challenger"
        case .device(let device): "device:\(device)"
        case .tag(let tag): "tag:\(tag)"
        }
    }

    package init?(name: String) {
        if name == "champion" {
            self = .champion
        } else if name == "challenger" {
            self = .challenger
        } else {
            let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            switch parts[0] {
            case "device":
                guard let device = DeviceID(String(parts[1])) else { return nil }
                self = .device(device)
            case "tag":
                guard ReleaseAlias.isTag(String(parts[1])) else { return nil }
                self = .tag(String(parts[1]))
            default: return nil
            }
        }
    }

    /// A tag has the syntax of a device name.
    package static func isTag(_ text: String) -> Bool { DeviceID(text) != nil }
}
