import Access
import ArchiveExamples
import Measures
import Testing

@testable import Archive

@Suite struct AccessArchiveTests {
    private let place = TemporaryArchive()
    private var now: Instant { place.now }

    /// An archive with the admin otto.
    private func archive() async throws -> (archive: Archive, otto: Archive.Person) {
        let archive = try await place.open()
        try await archive.addPerson("otto", .admin, .unmatchable, by: .named("test"), now: now)
        return (archive, try #require(try await archive.person(named: "otto")))
    }

    @Test func `a session ends after a week without use, and after a month in any case`() async throws {
        let (archive, otto) = try await archive()
        let token = try #require(try await archive.startSession(of: otto, replacing: nil, by: .named("otto"), now: now))
        let week: Duration = .seconds(7 * 86_400)
        #expect(try await archive.session(token, now: now + week - .seconds(1))?.role == .admin)
        #expect(try await archive.session(token, now: now + week) == nil)
        for day in 1..<30 { try await archive.markSessionUsed(token, now: now + .seconds(Int64(day) * 86_400)) }
        #expect(try await archive.session(token, now: now + .seconds(30 * 86_400 - 1)) != nil)
        #expect(try await archive.session(token, now: now + .seconds(30 * 86_400)) == nil)
        #expect(try await archive.session("vaho_0", now: now) == nil)
    }

    @Test func `a person has at most twenty sessions: the one unused for longest ends`() async throws {
        let (archive, otto) = try await archive()
        var tokens: [String] = []
        for second in 0..<21 as Range<Int64> {
            tokens.append(try #require(try await archive.startSession(of: otto, replacing: nil, by: .named("otto"), now: now + .seconds(second))))
        }
        var alive: [Bool] = []
        for token in tokens { alive.append(try await archive.session(token, now: now + .seconds(30)) != nil) }
        #expect(alive == [false] + [Bool](repeating: true, count: 20))
    }

    @Test func `a new password and a removal end all sessions, and the last admin stays`() async throws {
        let (archive, otto) = try await archive()
        let version = try await archive.accessVersion()
        let token = try #require(try await archive.startSession(of: otto, replacing: nil, by: .named("otto"), now: now))
        try await archive.setPassword(of: "otto", .unmatchable, by: .named("otto"), now: now)
        #expect(try await archive.session(token, now: now) == nil)
        #expect(try await archive.accessVersion() > version, "caches of servers forget the session")
        await #expect(throws: Archive.AccessFault.lastAdmin("otto")) { try await archive.removePerson("otto", by: .named("otto"), now: now) }
        try await archive.addPerson("vera", .admin, .unmatchable, by: .named("otto"), now: now)
        let other = try #require(try await archive.startSession(of: otto, replacing: nil, by: .named("otto"), now: now))
        let outdated = otto
        let new = try #require(PasswordHash(text: "scrypt:2:1:1:00:00"))
        try await archive.setPassword(of: "vera", new, by: .named("otto"), now: now)
        let vera = try #require(try await archive.person(named: "vera"))
        try await archive.setPassword(of: "vera", .unmatchable, by: .named("otto"), now: now)
        #expect(
            try await archive.startSession(of: vera, replacing: nil, by: .named("vera"), now: now) == nil,
            "the password was changed while it was checked")
        try await archive.removePerson("otto", by: .named("vera"), now: now)
        #expect(try await archive.startSession(of: outdated, replacing: nil, by: .named("otto"), now: now) == nil)
        #expect(try await archive.session(other, now: now) == nil)
        await #expect(throws: Archive.AccessFault.noPerson("otto")) {
            try await archive.setPassword(of: "otto", .unmatchable, by: .named("x"), now: now)
        }
    }

    @Test func `an e-mail address is a valid name of a person or a token`() {
        for name in ["nina", "n.b-c_d@museum.example", "A+1", String(repeating: "x", count: 64)] { #expect(Archive.isAccessName(name), "\(name)") }
        for name in ["", "a b", "é", "a/b", "a\n", String(repeating: "x", count: 65)] { #expect(!Archive.isAccessName(name), "\(name)") }
    }

    @Test func `the audit log has pages, newest entry first, and the text filter matches percent signs and underscores only literally`() async throws
    {
        let (archive, _) = try await archive()
        for name in ["per%cent", "under_score", "Plain"] {
            try await archive.note(name)
        }
        let all = try await archive.audit(limit: 9)
        #expect(all.map(\.subject) == ["Plain", "under_score", "per%cent", "otto"])
        #expect(try await archive.audit(before: all[1].id, limit: 1).map(\.subject) == ["per%cent"])
        for (text, found) in [("%", ["per%cent"]), ("_", ["under_score"]), ("plain", ["Plain"]), ("USER ADDED", ["otto"]), ("\\", [])] {
            #expect(try await archive.audit(containing: text, limit: 9).map(\.subject) == found, "\(text)")
        }
    }
}

extension Archive {
    fileprivate func note(_ subject: String) throws {
        try recordAudit("noted", of: subject, by: .named("vera"), now: Instant(ms: 1))
    }
}
