import Access
import Archive
import ArchiveExamples
import Foundation
import HTTPServer
import Pipeline
import Runtime

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
