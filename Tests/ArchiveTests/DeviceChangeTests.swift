import ArchiveExamples
import Measures
import Testing
import Wire

@testable import Archive

/// Renames, places, deletion and the enrolment of many devices.
@Suite(.timeLimit(.minutes(1))) struct DeviceChangeTests {
    private let place = TemporaryArchive()
    private var now: Instant { place.now }

    private func name(_ text: String) throws -> DeviceID { try #require(DeviceID(text)) }

    @Test func `a renamed device keeps its data, token and codes, and no other device can have its former name`() async throws {
        let archive = try await place.open()
        let (church, tower) = (try name("church"), try name("tower"))
        let token = try await archive.addDevice(church, by: .named("nina"), now: now)
        let id = try #require(try await archive.device(named: church)).id
        _ = try await place.ingest(archive, id, place.batch(1...30))
        let code = try await archive.makeCode(for: church, validFor: .seconds(60), by: .named("nina"), now: now)
        let foreign = try await archive.makeCode(for: tower, validFor: .seconds(60), by: .named("nina"), now: now)
        let version = try await archive.accessVersion()
        try await archive.rename(church, to: tower, by: .named("otto"), now: now)
        #expect(try await archive.accessVersion() > version, "caches of servers forget the old name")
        let found = try #require(try await archive.device(withToken: token)?.device)
        #expect(found.name == tower && found.id == id && found.formerNames == ["church"])
        #expect(try await archive.device(named: church) == nil)
        #expect(try await archive.device(ofCode: code) == tower)
        #expect(try await archive.enrol(code: foreign, from: "192.0.2.1", now: now) == nil, "a code for another host of that name is invalid")
        await #expect(throws: ArchiveFault.formerName(church, of: tower)) { try await archive.addDevice(church, by: .named("nina"), now: now) }
        await #expect(throws: ArchiveFault.formerName(church, of: tower)) {
            try await archive.makeCode(for: church, validFor: .seconds(60), by: .named("nina"), now: now)
        }
        _ = try await place.device(archive, "shed")
        await #expect(throws: ArchiveFault.deviceExists(tower)) { try await archive.rename(name("shed"), to: tower, by: .named("otto"), now: now) }
        await #expect(throws: ArchiveFault.noDevice(church)) { try await archive.rename(church, to: name("x"), by: .named("otto"), now: now) }
        try await archive.rename(tower, to: church, by: .named("otto"), now: now)
        #expect(try await archive.formerNames(of: id).map(\.name) == ["tower"], "a device gets its own former name back")
        #expect(try await archive.totals().readings == 30)
        for number in 0..<(Archive.formerNamesPerDevice - 1) {
            try await archive.rename(number == 0 ? church : name("n\(number)"), to: name("n\(number + 1)"), by: .named("otto"), now: now)
        }
        let last = try name("n\(Archive.formerNamesPerDevice - 1)")
        await #expect(throws: ArchiveFault.tooManyNames(last, limit: Archive.formerNamesPerDevice)) {
            try await archive.rename(last, to: name("y"), by: .named("otto"), now: now)
        }
    }

    @Test func `a place is found by the text filter, and a move is in the audit log`() async throws {
        let archive = try await place.open()
        _ = try await place.device(archive)
        _ = try await place.device(archive, "shed")
        try await archive.move(name("church"), to: "Depot 2, Room_4", by: .named("otto", reason: "new shelf"), now: now)
        try await archive.move(name("church"), to: "Depot 2, Room_4", by: .named("otto"), now: now)
        for (text, names) in [("depot", ["church"]), ("room_4", ["church"]), ("roomx4", []), ("s", ["shed"]), ("%", [])] as [(String, [String])] {
            let page = try await archive.fleet(.name, Archive.FleetFilter(text: text), after: nil, limit: 10, now: now)
            #expect(page.devices.map(\.device.name.name) == names, "\(text)")
        }
        let entries = try await archive.audit(containing: "moved", limit: 9)
        #expect(entries.map(\.detail) == ["to Depot 2, Room_4"] && entries[0].reason == "new shelf")
        #expect(DevicePlace.problem(with: "Höhle «7»") == nil)
        for text in ["a\nb", "\u{1B}[31m", String(repeating: "x", count: 129)] { #expect(DevicePlace.problem(with: text) != nil, "\(text)") }
    }

    @Test func `many devices are enrolled at once, all of them or none`() async throws {
        let archive = try await place.open()
        let devices = try EnrolmentList.devices(in: "\u{FEFF}Name,tags,place\r\nvault,cellar museum,\"Depot 2, left\"\r\n\r\nattic,,\r\n")
        #expect(devices == [.init(name: try name("vault"), tags: ["cellar", "museum"], place: "Depot 2, left"), .init(name: try name("attic"))])
        let codes = try await archive.enrol(devices, validFor: .seconds(3_600), by: .named("otto"), now: now)
        #expect(EnrolmentList.csv(devices, codes: codes).hasPrefix("name,code,tags,place\nvault,\(codes[0]),cellar museum,\"Depot 2, left\"\nattic,"))
        let made = try #require(try await archive.enrol(code: codes[1], from: "192.0.2.1", now: now))
        #expect(made.device.name == "attic")
        let page = try await archive.fleet(.name, Archive.FleetFilter(tag: "museum"), after: nil, limit: 10, now: now)
        #expect(page.devices.map(\.tags) == [["cellar", "museum"]] && page.devices[0].device.place == "Depot 2, left")
        let more = [Archive.NewDevice(name: try name("shed")), Archive.NewDevice(name: try name("vault"))]
        await #expect(throws: ArchiveFault.deviceExists(try name("vault"))) {
            try await archive.enrol(more, validFor: .seconds(60), by: .named("otto"), now: now)
        }
        #expect(try await archive.device(named: name("shed")) == nil)
    }

    @Test(
        arguments: [
            ("vault\n", "line 1"), ("name,colour\nvault,red\n", "line 1"), ("name,name\na,b\n", "line 1"), ("name,tags\nvault\n", "line 2"),
            ("name\nok\nVault\n", "line 3: name «Vault»"), ("name,tags\nvault,A\n", "line 2: tag «A»"),
            ("name\nvault\nvault\n", "vault is listed twice"),
        ])
    func `the refusal of a wrong list of devices names the line`(text: String, words: String) {
        do throws(EnrolmentList.Malformed) {
            _ = try EnrolmentList.devices(in: text)
            Issue.record("accepted: \(text)")
        } catch { #expect("\(error)".contains(words), "\(error)") }
    }

    @Test func `a deletion removes every row of the device, and no row of another device`() async throws {
        let archive = try await place.open()
        let (gone, kept) = (try await place.device(archive, "gone"), try await place.device(archive, "kept"))
        for device in [gone, kept] {
            _ = try await place.ingest(archive, device, place.batch(1...500), place.batch(600...620, epoch: 6))
            try await archive.setTags(["museum"], of: device)
        }
        try await place.derive(archive)
        try await archive.updateDeviceStates(now: now)
        let (snapshot, logBytes) = (try await archive.makeSnapshot(reason: "test", now: now), try await archive.totals().logBytes)
        let before = try await rows(archive, of: kept)
        #expect(before.count >= 9, "\(before.keys)")
        _ = try await archive.makeCode(for: name("gone"), validFor: .seconds(60), by: .named("nina"), now: now)

        try await archive.beginDeletion(of: name("gone"), by: .named("otto", reason: "sold"), now: now)
        try await archive.updateDeviceStates(now: now)
        #expect(try await archive.fleet(after: nil, limit: 10, now: now).devices.map(\.device.name.name) == ["kept"])
        #expect(try await archive.stateCounts().devices.values.reduce(0, +) == 1)
        #expect(try await archive.sensors().map(\.device.name) == ["kept"])
        await #expect(throws: ArchiveFault.noDevice(try name("gone"))) { try await archive.revoke(name("gone"), by: .named("otto"), now: now) }
        #expect(try await archive.deletedDevices() == [gone])
        // A batch that was being stored when the deletion began.
        _ = try await place.ingest(archive, gone, place.batch(700...710, epoch: 7))
        while try await archive.deleteRows(of: gone) > 0 {}
        #expect(try await !archive.endDeletion(of: gone, now: now + .seconds(59)), "a batch may still arrive")
        #expect(try await archive.endDeletion(of: gone, now: now + .seconds(60)))
        #expect(try await rows(archive, of: gone).filter { $0.value > 0 } == [:])
        #expect(try await archive.deletedDevices().isEmpty)
        #expect(try await archive.snapshots(limit: 9).filter { $0.sha256 == snapshot.sha256 }.isEmpty, "the snapshot contained the device")
        var after = try await rows(archive, of: kept)
        #expect(after.removeValue(forKey: "snapshot_sensor") == 0)
        #expect(after == before.filter { $0.key != "snapshot_sensor" })
        #expect(try await archive.totals().logBytes * 2 - logBytes < 100, "half of the log is left")
        #expect(try await archive.audit(containing: "deleted", limit: 9).map(\.reason) == ["sold"])

        let again = try await place.device(archive, "gone")
        #expect(again != kept)
        #expect(try await place.ingest(archive, again, place.batch(1...5)).first?.conflicts == [])
    }

    /// The number of rows of a device in each table.
    private func rows(_ archive: Archive, of device: Int64) async throws -> [String: Int64] {
        try await archive.perform { archive in
            var rows: [String: Int64] = [:]
            for table in Archive.tablesByDevice {
                rows[table.name] = try archive.database.integer("SELECT COUNT(*) FROM \(table.name) WHERE device = ?", device)
            }
            return rows
        }
    }

    @Test func `the deletion covers every table with a column for the device`() async throws {
        let archive = try await place.open()
        let tables = try await archive.perform { archive in
            try archive.database.rows(
                TemporaryArchive.isPostgres
                    ? """
                    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                    WHERE a.attname = 'device' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND pg_table_is_visible(c.oid)
                    """
                    : "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = 'device' WHERE m.type = 'table'"
            ).map { $0.text(0) }
        }
        let special: Set = ["enrolment_code", "device_deletion"]  // deleted by name, and last
        #expect(Set(tables).subtracting(special) == Set(Archive.tablesByDevice.map(\.name)))
    }
}
