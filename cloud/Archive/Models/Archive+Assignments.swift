package import Measures
internal import Wire

/// Tags of devices, and which release a device gets after a change of tags or pins.
extension Archive {
    package static let tagsPerDevice = 20

    package func tags(of device: Int64) throws -> [String] {
        try database.rows("SELECT tag FROM device_tag WHERE device = ? ORDER BY tag", device).map { $0.text(0) }
    }

    /// Replaces the tags of a device. Call it in `changeAliases`.
    package func setTags(_ tags: [String], of device: Device, by attribution: Attribution, now: Instant) throws {
        try replaceTags(tags, of: device.id, device.name, by: attribution, now: now)
    }

    /// Replaces the tags of a device. Tags can decide which release a device gets: call this function in `changeAliases`, unless the device has never had
    /// a release.
    func replaceTags(_ tags: [String], of device: Int64, _ name: DeviceID, by attribution: Attribution, now: Instant) throws {
        guard try self.tags(of: device) != Set(tags).sorted() else { return }
        try database.run("DELETE FROM device_tag WHERE device = ?", device)
        try database.changeEach(
            "INSERT INTO device_tag (device, tag) VALUES (?, ?) ON CONFLICT DO NOTHING", tags.map { [.integer(device), .text($0)] })
        try recordAudit("tags changed", of: name.name, tags.joined(separator: " "), by: attribution, now: now)
    }

    package struct AliasTarget: Sendable, Equatable {
        package let alias: ReleaseAlias
        package let counter: UInt64

        fileprivate init?(_ row: Row) {
            guard let alias = ReleaseAlias(name: row.text(0)) else { return nil }
            (self.alias, counter) = (alias, UInt64(bitPattern: row.integer(1)))
        }
    }

    /// The alias that gives a device its release if it had these tags; `nil` without a release.
    package func assignment(of device: Int64, tags: [String]) throws -> AliasTarget? {
        let own = try database.row("SELECT 'device:' || name FROM device WHERE id = ?", device)?.text(0) ?? ""
        for name in [own] + tags.sorted().map({ ReleaseAlias.tag($0).name }) + [ReleaseAlias.champion.name] {
            if let row = try database.row("SELECT name, counter FROM alias WHERE name = ?", name) { return AliasTarget(row) }
        }
        return nil
    }

    /// The release of an alias; `nil` without one.
    package func target(_ alias: ReleaseAlias) throws -> AliasTarget? {
        try database.row("SELECT name, counter FROM alias WHERE name = ?", alias.name).flatMap(AliasTarget.init)
    }

    /// The highest counter that an alias or a rollout has ever given to devices, or that a device has reported.
    package func highestGivenCounter() throws -> UInt64 {
        let counters = try ["SELECT MAX(counter) FROM alias_history", "SELECT MAX(release) FROM rollout", "SELECT MAX(counter) FROM device_release"]
            .map { try database.integer($0) ?? 0 }
        return UInt64(bitPattern: counters.max() ?? 0)
    }

    package func allTargets() throws -> [AliasTarget] {
        try database.rows("SELECT name, counter FROM alias ORDER BY name").compactMap(AliasTarget.init)
    }

    /// The aliases that may give devices their release when a pin is removed: the champion, and the pins of the other tags of these devices.
    package func aliases(replacing alias: ReleaseAlias) throws -> [AliasTarget] {
        let tags =
            switch alias {
            case .device(let name):
                try database.rows(
                    "SELECT DISTINCT t.tag FROM device_tag t JOIN device d ON d.id = t.device WHERE d.name = ?", name.name)
            case .tag(let tag):
                try database.rows(
                    "SELECT DISTINCT t.tag FROM device_tag t JOIN device_tag o ON o.device = t.device WHERE o.tag = ? AND t.tag <> o.tag", tag)
            case .champion, .challenger: [] as [Row]
            }
        return try ([ReleaseAlias.champion] + tags.map { .tag($0.text(0)) }).compactMap { try target($0) }
    }

    /// The highest counter that a device may have accepted: of its releases so far, and of the release that it gets now.
    package func highestCounter(on device: Int64) throws -> UInt64 {
        let reported = try database.integer("SELECT MAX(counter) FROM device_release WHERE device = ?", device) ?? 0
        return max(UInt64(bitPattern: reported), try release(for: device)?.counter ?? 0)
    }
}
