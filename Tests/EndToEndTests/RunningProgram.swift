import Foundation
import HTTPClient

/// A program of this package, run as a process with its log in a file.
final class RunningProgram {
    private let process = Process()
    let logPath: String
    private let name: String

    /// The folder of the binaries that this test was built with.
    static let binaries = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path

    struct Ended: Error, CustomStringConvertible { let description: String }

    init(_ name: String, _ arguments: [String], environment: [String: String], folder: String) throws {
        self.name = name
        logPath = "\(folder)/\(name)-\(UInt32.random(in: 0...(.max))).log"
        _ = FileManager.default.createFile(atPath: logPath, contents: nil)
        process.executableURL = URL(fileURLWithPath: "\(Self.binaries)/\(name)")
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin"].merging(environment) { _, new in new }
        let log = FileHandle(forWritingAtPath: logPath)
        process.standardError = log
        process.standardOutput = log
        try process.run()
    }

    var isRunning: Bool { process.isRunning }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

    /// The port that the program listens on, as soon as its log names the port.
    func port() async throws -> Int {
        try await seen("\(name) listens") {
            guard process.isRunning else { throw Ended(description: "\(name) ended: \(log)") }
            return log.split(separator: "\n").last { $0.contains("listening address=") }?.split(separator: ":").last.flatMap { Int($0) }
        }
    }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Waits for the program's end. If the program failed, prints the last lines of its log.
    func exitCode() async throws -> Int32 {
        let status = try await seen("\(name) ends") { process.isRunning ? nil : process.terminationStatus }
        if status != 0 { print("\(name) ended with \(status):", log.split(separator: "\n").suffix(8).joined(separator: "\n"), separator: "\n") }
        return status
    }

    /// Runs a command to its end and returns its output.
    static func run(_ name: String, _ arguments: [String], environment: [String: String]) throws -> (code: Int32, output: String, errors: String) {
        try run(program: "\(binaries)/\(name)", arguments, environment: environment)
    }

    static func run(program: String, _ arguments: [String], environment: [String: String]) throws -> (code: Int32, output: String, errors: String) {
        let process = Process()
        let (output, errors) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin"].merging(environment) { _, new in new }
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let problems = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: text, as: UTF8.self), String(decoding: problems, as: UTF8.self))
    }
}

struct NotSeen: Error, CustomStringConvertible { let description: String }

/// Polls real processes until `look` finds a value, because the processes send no event.
func seen<Value>(_ what: String, within seconds: Int = 60, _ look: () async throws -> Value?) async throws -> Value {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
        if let value = try await look() { return value }
        try await ContinuousClock().sleep(for: .milliseconds(50))
    }
    throw NotSeen(description: "not seen within \(seconds) s: \(what)")
}

/// A cloud with its own folder, and helpers that add devices to it.
final class Cloud {
    let folder = FileManager.default.temporaryDirectory.path + "/vaho-e2e-\(UInt64.random(in: 0...(.max)))"
    private(set) var program: RunningProgram?
    private(set) var port = 0
    let client = HTTPClient(settings: HTTPClient.Settings(userAgent: "end-to-end"))

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// A release of a run is the champion at once, unless a test sets other steps.
    var environment: [String: String] { ["VAHO_STORE": "sqlite:\(folder)/cloud", "VAHO_ROLLOUT_STEPS": "100:0"] }

    func start(_ settings: [String: String] = [:]) async throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let all = environment.merging(["VAHO_LISTEN": "127.0.0.1:\(port)", "VAHO_TRAIN_CHECK_SECONDS": "1", "VAHO_ANONYMOUS": "viewer"]) { $1 }
            .merging(settings) { $1 }
        let program = try RunningProgram("vaho-cloud", ["serve"], environment: all, folder: folder)
        self.program = program
        port = try await program.port()
    }

    private(set) var lastLog = ""
    var log: String { program?.log ?? lastLog }

    func stop(_ signal: Int32 = SIGTERM) async throws -> Int32 {
        program?.signal(signal)
        defer {
            lastLog = program?.log ?? ""
            program = nil
        }
        return try await program?.exitCode() ?? 0
    }

    func run(_ arguments: String...) throws -> (code: Int32, output: String, errors: String) {
        try RunningProgram.run("vaho-cloud", arguments, environment: environment)
    }

    /// Adds a device and returns its token.
    func add(_ device: String) throws -> String {
        let result = try run("device", "add", device, "--out", "\(folder)/\(device)")
        guard result.code == 0 else { throw NotSeen(description: result.errors) }
        return try String(contentsOfFile: "\(folder)/\(device)/token", encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func edgeEnvironment(_ device: String) -> [String: String] {
        [
            "VAHO_DEVICE_ID": device, "VAHO_STATE_DIR": "\(folder)/\(device)/state", "VAHO_LISTEN": "127.0.0.1:0",
            "VAHO_CLOUD_URL": "http://127.0.0.1:\(port)", "VAHO_TOKEN_FILE": "\(folder)/\(device)/token",
            "VAHO_RELEASE_KEY_FILE": "\(folder)/\(device)/release-keys", "VAHO_SYNC_PERIOD_SECONDS": "1",
        ]
    }

    func request(_ method: String, _ path: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []) async throws
        -> HTTPClient.Response
    {
        try await client.send(HTTPClient.Request(method: method, url: "http://127.0.0.1:\(port)\(path)", headers: headers, body: body))
    }

    func json(_ path: String) async throws -> [String: Any] {
        let body = try await request("GET", path).body
        return try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any] ?? [:]
    }

    func device(_ name: String) async throws -> [String: Any] {
        let devices = try await json("/v1/devices")["devices"] as? [[String: Any]] ?? []
        return devices.first { $0["id"] as? String == name } ?? [:]
    }

    func metric(_ name: String) async throws -> Int {
        let text = String(decoding: try await request("GET", "/metrics").body, as: UTF8.self)
        return text.split(separator: "\n").first { $0.hasPrefix(name + " ") }.flatMap { Double($0.split(separator: " ")[1]) }.map { Int($0) } ?? 0
    }
}
