import Foundation
import Glibc
import Testing

/// Receives the messages to a service manager: a test socket in place of systemd's.
private final class ManagerSocket {
    let path = FileManager.default.temporaryDirectory.path + "/vaho-notify-\(UInt64.random(in: 0...(.max)))"
    private let descriptor: Int32
    private(set) var heard: [String] = []

    init(isAbstract: Bool = false) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            for (place, byte) in path.utf8.enumerated() { bytes[place] = byte }
            if isAbstract { bytes[0] = 0 }
        }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.utf8.count)
        let code = withUnsafePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) } }
        guard code == 0 else { throw NotSeen(description: "no socket at \(path): \(errno)") }
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    /// All messages so far.
    func listen() -> [String] {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count >= 0 else { return heard }
            heard.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
    }
}

@Suite struct ServiceManagerTests {
    @Test(.timeLimit(.minutes(1)), arguments: [false, true]) func `systemd is notified of start, health and stop`(isAbstract: Bool) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/vaho-e2e-\(UInt64.random(in: 0...(.max)))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let manager = try ManagerSocket(isAbstract: isAbstract)
        let edge = try RunningProgram(
            "vaho-edge", ["run"],
            environment: [
                "VAHO_STATE_DIR": folder + "/state", "VAHO_SENSOR_AIR": "simulated", "VAHO_LISTEN": "off", "VAHO_DEVICE_ID": "crypt",
                "NOTIFY_SOCKET": isAbstract ? "@" + manager.path.dropFirst() : manager.path, "WATCHDOG_USEC": "300000",
            ], folder: folder)
        _ = try await seen("readiness and three watchdog messages") { manager.listen().count >= 4 ? true : nil }
        #expect(manager.heard.first == "READY=1\nSTATUS=1 sensor, device crypt")
        #expect(manager.heard.dropFirst().allSatisfy { $0 == "WATCHDOG=1" })
        // After STOPPING=1 systemd would kill the program, so a reload must not send it.
        edge.signal(SIGHUP)
        _ = try await seen("readiness after the reload") { manager.listen().count { $0.hasPrefix("READY=1") } == 2 ? true : nil }
        #expect(!manager.heard.contains("STOPPING=1"))
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        #expect(manager.listen().last == "STOPPING=1")
    }

    @Test(.timeLimit(.minutes(1))) func `another process's watchdog gets no message, and the program runs without a service manager`() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/vaho-e2e-\(UInt64.random(in: 0...(.max)))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let edge = try RunningProgram(
            "vaho-edge", ["run"],
            environment: [
                "VAHO_STATE_DIR": folder + "/state", "VAHO_SENSOR_AIR": "simulated", "VAHO_LISTEN": "127.0.0.1:0",
                "NOTIFY_SOCKET": folder + "/nobody", "WATCHDOG_USEC": "300000", "WATCHDOG_PID": "1",
            ], folder: folder)
        _ = try await edge.port()
        _ = try await seen("the failed notification in the log") { edge.log.contains("service manager notification failed") ? true : nil }
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
    }
}
