package import Archive
package import Measures

extension Archive.Attribution {
    package static func named(_ author: String, reason: String = "test") -> Archive.Attribution {
        Archive.Attribution(author: author, origin: "test", reason: reason)
    }
}

extension Archive {
    package struct NoSuchDevice: Error {}

    private func device(_ id: Int64) throws -> Device {
        guard let device = try devices().first(where: { $0.id == id }) else { throw NoSuchDevice() }
        return device
    }

    package func setTags(_ tags: [String], of id: Int64) throws {
        try setTags(tags, of: device(id), by: .named("nina"), now: Instant(ms: 0))
    }

    package func addMaintenance(of id: Int64, from: Instant, until: Instant, by attribution: Attribution) throws {
        try addMaintenance(of: device(id), from: from, until: until, by: attribution, now: from)
    }
}
