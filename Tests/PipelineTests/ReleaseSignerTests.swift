import Archive
import ArchiveExamples
import Foundation
import Measures
@testable import Pipeline
import Signing
import Testing
import TrustedReleases

@Suite(.timeLimit(.minutes(1))) struct ReleaseSignerTests {
    private let place = TemporaryArchive()
    private var keyFile: String { place.location.keyFile }

    @Test func `a damaged key is an error and is not replaced`() async throws {
        let archive = try await place.open()
        try FileManager.default.createDirectory(atPath: place.location.folder, withIntermediateDirectories: true)
        try "not a key".write(toFile: keyFile, atomically: true, encoding: .utf8)
        let error = await #expect(throws: SigningError.self) { try await ReleaseSigner(of: archive, keyFile: keyFile) }
        #expect(error?.description.contains("expected 64 hexadecimal digits") == true)
        #expect(try String(contentsOfFile: keyFile, encoding: .utf8) == "not a key")
    }

    @Test func `the key of an archive in use is never made again`() async throws {
        let archive = try await place.open()
        _ = try await place.device(archive)
        let error = await #expect(throws: SigningError.self) { try await ReleaseSigner(of: archive, keyFile: keyFile) }
        #expect(error?.description.contains("the signing key of this archive is missing") == true)
        #expect(!FileManager.default.fileExists(atPath: keyFile))
    }

    @Test func `another key than the archive's key is refused, and both keys are named`() async throws {
        let archive = try await place.open()
        let own = try await ReleaseSigner(of: archive, keyFile: keyFile).ring.releaseKeys[0].hexadecimal
        let other = place.location.folder + "/other.key"
        try SigningKeyFile.make(other)
        let error = await #expect(throws: SigningError.self) { try await ReleaseSigner(of: archive, keyFile: other) }
        #expect(error?.description.contains(own) == true)
        #expect(error?.description.contains("use the archive's own key") == true)
        #expect(try await ReleaseSigner(of: archive, keyFile: keyFile).ring.releaseKeys[0].hexadecimal == own)
    }

    @Test func `concurrent creation of the key gives every caller the same key`() async throws {
        let path = keyFile
        let keys = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    try SigningKeyFile.make(path)
                    return try SigningKeyFile(path).lines[0].publicKey.hexadecimal
                }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(keys.count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: place.location.folder) == ["release-signing.key"])
    }
}
