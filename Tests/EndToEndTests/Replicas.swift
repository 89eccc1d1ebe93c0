import Foundation
import Testing

/// Servers on a database of their own.
final class Replicas {
    static let server = ProcessInfo.processInfo.environment["VAHO_TEST_POSTGRES"]

    let folder = FileManager.default.temporaryDirectory.path + "/vaho-replicas-\(UInt64.random(in: 0...(.max)))"
    private let name = "replicas_\(UInt64.random(in: 0...(.max)))"
    private let password: String?

    init(password: String? = nil) throws {
        self.password = password
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try psql("CREATE DATABASE \(name)")
    }

    deinit {
        _ = try? psql("DROP DATABASE \(name) WITH (FORCE)")
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Runs statements in this database.
    func sql(_ statements: String...) throws { for statement in statements { try psql(statement, in: environment["VAHO_STORE"]) } }

    /// The first value of a query in this database.
    func value(_ sql: String) throws -> String { try psql(sql, in: environment["VAHO_STORE"]) }

    @discardableResult
    private func psql(_ sql: String, in database: String? = Replicas.server) throws -> String {
        let result = try RunningProgram.run(
            program: "/usr/bin/psql", ["-qXAt", "-v", "ON_ERROR_STOP=1", database ?? "", "-c", sql], environment: [:])
        guard result.code == 0 else { throw NotSeen(description: result.errors) }
        return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private var environment: [String: String] {
        var address = (Self.server ?? "").replacingOccurrences(of: "/postgres", with: "/\(name)", options: .backwards)
        if let password { address = address.replacingOccurrences(of: "vaho@", with: "vaho:\(password)@") }
        return ["VAHO_STORE": address, "VAHO_ANONYMOUS": "viewer", "VAHO_SIGNING_KEY_FILE": folder + "/signing.key", "VAHO_ROLLOUT_STEPS": "100:0"]
    }

    func start(_ settings: [String: String] = [:]) async throws -> Cloud {
        let cloud = Cloud()
        try await cloud.start(environment.merging(settings) { $1 })
        return cloud
    }

    func run(_ arguments: String..., settings: [String: String] = [:]) throws -> (code: Int32, output: String, errors: String) {
        try RunningProgram.run("vaho-cloud", arguments, environment: environment.merging(settings) { $1 })
    }

    func add(_ device: String) throws -> String {
        let result = try run("device", "add", device, "--out", "\(folder)/\(device)")
        guard result.code == 0 else { throw NotSeen(description: result.errors) }
        return try String(contentsOfFile: "\(folder)/\(device)/token", encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
