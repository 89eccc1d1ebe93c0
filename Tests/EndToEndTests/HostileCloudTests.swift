import Foundation
import HTTPServer
import Synchronization
import Testing
import Wire

/// A malicious cloud harms neither the edge's store nor the user's terminal.
@Suite(.serialized) struct HostileCloudTests {
    private let folder = FileManager.default.temporaryDirectory.path + "/vaho-liar-\(UInt64.random(in: 0...(.max)))"

    private func server(_ handler: @escaping HTTPHandler) throws -> HTTPServer {
        let limits = HTTPLimits(bodyBytes: BatchFormat.byteLimit, connections: 16, threads: 1)
        return try HTTPServer(
            address: "127.0.0.1", port: 0, limits: limits, makeRefusal: { status, _ in HTTPResponse(status: status) }, handler: handler)
    }

    private func environment(_ server: HTTPServer) throws -> [String: String] {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try "secret\r\n".write(toFile: folder + "/token", atomically: true, encoding: .utf8)
        return [
            "VAHO_DEVICE_ID": "lab", "VAHO_STATE_DIR": folder + "/state", "VAHO_LISTEN": "off", "VAHO_TOKEN_FILE": folder + "/token",
            "VAHO_CLOUD_URL": "http://127.0.0.1:\(server.port)", "VAHO_SYNC_PERIOD_SECONDS": "1", "VAHO_BACKOFF_SECONDS": "1",
            "VAHO_SAMPLE_PERIOD_SECONDS": "1", "VAHO_COMMIT_PERIOD_SECONDS": "1", "VAHO_SENSOR_ROOM": "simulated",
        ]
    }

    @Test(.timeLimit(.minutes(1))) func `text from the cloud reaches log and terminal in escaped form`() async throws {
        let detail = #"x\u001b[2J\u001b]0;owned\u0007\n<0>kernel: forged\r"#
        let liar = try server { _ in
            HTTPResponse(
                status: 503, headers: [("Content-Type", "application/problem+json")], body: Array(#"{"status":503,"detail":"\#(detail)"}"#.utf8))
        }
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let environment = try environment(liar)
        let edge = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: folder)
        let status = try await seen("the refusal in the status") { () -> String? in
            let output = try RunningProgram.run("vaho-edge", ["status"], environment: environment).output
            return output.contains("kernel: forged") ? output : nil
        }
        let enrolled = try RunningProgram.run("vaho-edge", ["enrol", "http://127.0.0.1:\(liar.port)", "CODE"], environment: environment)
        _ = try await seen("the refusal in the log") { edge.log.contains("kernel: forged") ? true : nil }
        for text in [status, edge.log, enrolled.errors] {
            #expect(text.contains("kernel: forged") && !text.contains("\u{1B}") && !text.contains("\u{7}"))
            #expect(!text.split(whereSeparator: \.isNewline).contains { $0.hasPrefix("<0>kernel") })
        }
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        await liar.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `a conflict for every batch leads to pauses, not to endless epochs, and loses nothing`() async throws {
        let asked = Mutex<[ContinuousClock.Instant]>([])
        let liar = try server { request in
            asked.withLock { $0.append(.now) }
            guard let body = try? request.body(), let frame = try? BatchFrame(body) else { return HTTPResponse(status: 400) }
            let answer = BatchAcknowledgement(
                epoch: frame.epoch, through: 0, held: [], refused: [], conflicts: Array(frame.first...max(frame.first, frame.last)),
                next: .init(delayMs: 0, maxReadings: 5_000, maxBytes: 1 << 20), release: nil)
            return HTTPResponse(type: BatchAcknowledgement.mediaType, body: answer.binary())
        }
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let edge = try RunningProgram("vaho-edge", ["run"], environment: environment(liar), folder: folder)
        let times = try await seen("a request at least five seconds after the third") {
            asked.withLock { $0.count > 3 && $0[$0.count - 1] - $0[2] >= .seconds(5) ? $0 : nil }
        }
        // Pauses of 1, 2, 4 s and a random part; without pauses there would be hundreds of requests.
        #expect(times.count { $0 - times[2] < .seconds(5) } <= 12)
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        let store = folder + "/state/readings.sqlite"
        #expect(try #require(Int(RunningProgram.sqlite(store, "SELECT count(*) FROM life"))) <= 13)
        #expect(try #require(Int(RunningProgram.sqlite(store, "SELECT count(*) FROM reading"))) >= 5)
        await liar.stop()
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["/release", "/release-keys"])
    func `an answer without end about releases is cut off, and readings are delivered meanwhile`(path: String) async throws {
        let endless = Mutex(0)
        let held = Mutex<Int64>(0)
        let liar = try server { request in
            if request.path.hasSuffix(path) {
                endless.withLock { $0 += 1 }
                return HTTPResponse(status: 200, headers: [], body: [UInt8](repeating: 65, count: 8 << 20))
            }
            guard let body = try? request.body(), let frame = try? BatchFrame(body) else { return HTTPResponse(status: 404) }
            let through = held.withLock { held in
                held = max(held, frame.last)
                return held
            }
            let answer = BatchAcknowledgement(
                epoch: frame.epoch, through: through, held: [], refused: [], conflicts: [],
                next: .init(delayMs: 0, maxReadings: 5_000, maxBytes: 1 << 20),
                release: ReleaseReference(counter: 1_790_000_000, sha256: [UInt8](repeating: 7, count: 32)))
            return HTTPResponse(type: BatchAcknowledgement.mediaType, body: answer.binary())
        }
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let edge = try RunningProgram("vaho-edge", ["run"], environment: environment(liar), folder: folder)
        let first = try await seen("a request for the endless answer") { endless.withLock { $0 > 0 } ? held.withLock { $0 } : nil }
        _ = try await seen("three more rows") { held.withLock { $0 } >= first + 3 ? true : nil }
        #expect(edge.log.contains("larger than 1048576 bytes"), "\(edge.log)")
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        await liar.stop()
    }
}
