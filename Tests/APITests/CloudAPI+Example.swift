import Access
import Archive
import ArchiveExamples
import Foundation
import HTTPServer
import Measures
import Pipeline
import Runtime
import Testing

@testable import API

extension AccessSettings {
    /// Everybody reads.
    static var open: AccessSettings {
        var settings = AccessSettings()
        settings.anonymousRole = .viewer
        return settings
    }
}

extension CloudAPI {
    /// The endpoints of an archive, without a socket.
    static func example(
        _ place: TemporaryArchive, _ archive: Archive, reader: Archive, ingest: Ingest? = nil, freeBytes: Int64 = 0, access: AccessSettings = .open
    ) -> CloudAPI {
        let log = Log("test", minimumLevel: .error)
        let space = FreeSpaceGuard(folder: FileManager.default.temporaryDirectory.path, minimumFreeBytes: freeBytes)
        return CloudAPI(
            Listening(address: "127.0.0.1", port: 0, hosts: HostNames(isLoopback: true, allowed: []), tls: nil, connections: 8),
            archive: archive, reader: reader, tokenReader: reader,
            ingest: ingest ?? Ingest(archive: archive, wake: Inbox(limit: 1), freeSpaceGuard: space, log: log), freeSpaceGuard: space,
            keyFile: place.location.keyFile, pretrained: nil, rolloutSteps: .standard, forecasts: FleetForecasts(reader: reader), version: "1",
            access: access, log: log)
    }
}

/// Repeats a request until the server has applied a change of access: servers look for changes twice a second. Retries while the status is `old` or 429,
/// and the request began within a second of this call.
/// - Returns: the last status.
func statusAfterChange(from old: Int, _ send: () async -> Int) async -> Int {
    let end = ContinuousClock.now + .seconds(1)
    while true {
        let begun = ContinuousClock.now
        let status = await send()
        if ![old, 429].contains(status) || begun > end { return status }
    }
}

/// Requests of people and scripts to the endpoints of an archive with the device attic, while `Ingest` stores batches as in the server.
struct TokenBench: Sendable {
    let archive: Archive
    let respond: HTTPHandler
    let device: String  // the token of the device
    private let tokens: [Role: String]
    private let ingest: Ingest

    init(_ place: TemporaryArchive) async throws {
        archive = try await place.open()
        device = try await archive.addDevice(#require(DeviceID("attic")), by: .named("test"), now: WallClock.now)
        var tokens: [Role: String] = [:]
        for role in [Role.viewer, .admin] {
            tokens[role] = try await archive.addAPIToken(role.rawValue, role, expiresAt: nil, by: .named("test"), now: WallClock.now)
        }
        self.tokens = tokens
        let space = FreeSpaceGuard(folder: FileManager.default.temporaryDirectory.path, minimumFreeBytes: 0)
        ingest = Ingest(archive: archive, wake: Inbox(limit: 1), freeSpaceGuard: space, log: Log("test", minimumLevel: .error))
        respond = CloudAPI.example(place, archive, reader: try await place.open(.readOnly), ingest: ingest).responder
    }

    func run(_ test: @escaping @Sendable (TokenBench) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { do { try await ingest.run() } catch is CancellationError {} }
            try await test(self)
            group.cancelAll()
        }
    }

    func send(
        _ method: String, _ path: String, query: [String: String] = [:], _ body: String = "", as role: Role = .admin, token: String? = nil,
        type: String = "application/json", accept: String = "application/json"
    ) async -> (status: Int, text: String) {
        let headers = ["authorization": "Bearer \(token ?? tokens[role] ?? "")", "content-type": type, "accept": accept]
        let answer = await respond(
            HTTPRequest(method: method, path: path, query: query, headers: headers, peer: "192.0.2.7", body: Array(body.utf8)))
        return (answer.status, String(decoding: answer.body.bytes, as: UTF8.self))
    }
}
