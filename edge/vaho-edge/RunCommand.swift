internal import Console
internal import EdgeDaemon
internal import HTTPClient
internal import Measures
internal import Runtime
internal import Sensors

extension Arguments.Option {
    static let config = Arguments.Option("config", value: "FILE", "a file of VAHO_…=value lines; environment variables override the file")
    static let sensor = Arguments.Option("sensor", value: "NAME", "show only this sensor")
}

extension EdgeSettings {
    /// Reads settings from the environment, then, with `--config`, from a file, then from an enrolment in the state folder. Earlier sources
    /// override later ones; settings from the cloud override all.
    /// - Parameter remote: settings to use instead of the stored ones from the cloud.
    static func read(_ arguments: Arguments, overriding: [String: String] = [:], remote: [String: String]? = nil, sensorsNeeded: Bool) throws
        -> EdgeSettings
    {
        let environment = ProcessEnvironment.all.merging(overriding) { _, new in new }
        var file = try configured(arguments)
        let folder = environment["VAHO_STATE_DIR"] ?? file["VAHO_STATE_DIR"] ?? EdgeSettings.defaultStateFolder
        let names = ["VAHO_CLOUD_URL", "VAHO_TOKEN_FILE"]
        let isDeviceNamed = environment["VAHO_DEVICE_ID"] != nil || file["VAHO_DEVICE_ID"] != nil
        let followsEnrolment = names.allSatisfy { environment[$0] == nil && file[$0] == nil }
        let stamp = followsEnrolment ? Files.stamp(EnrolmentFile.path(in: folder)) : nil  // before the file is read: a later replacement is noticed
        let isAuthorityConfigured = environment["VAHO_CA_FILE"] != nil || file["VAHO_CA_FILE"] != nil
        if followsEnrolment {
            file.merge(try EnrolmentFile.settings(in: folder)) { configured, _ in configured }
        }
        let isRemoteOff = (environment["VAHO_REMOTE_SETTINGS"] ?? file["VAHO_REMOTE_SETTINGS"]) == "off"
        var remoteProblem: String?
        var fromCloud = remote ?? [:]
        if remote == nil, !isRemoteOff {
            do { fromCloud = try RemoteSettings.stored(in: folder).settings } catch { remoteProblem = "\(error)" }
        }
        func parsed(_ fromCloud: [String: String]) throws -> EdgeSettings {
            var settings = Settings(environment: environment.merging(fromCloud) { $1 }, file: file)
            return try EdgeSettings(&settings, sensorsNeeded: sensorsNeeded)
        }
        var read: EdgeSettings
        do { read = try parsed(fromCloud) } catch {
            // Stored settings that do not fit, for example after a sensor was removed, must not keep the device from working.
            guard remote == nil, !fromCloud.isEmpty, let own = try? parsed([:]) else { throw error }
            (read, remoteProblem) = (own, "\(error)")
        }
        read.remoteProblem = remoteProblem
        (read.followsEnrolment, read.isDeviceNamed) = (followsEnrolment, isDeviceNamed)
        (read.enrolmentStamp, read.isAuthorityConfigured) = (stamp, isAuthorityConfigured)
        return read
    }

    /// The settings that `enrol` needs: the state folder, the certificate authorities, and the problem with the address `url`, if any.
    static func enrolmentSettings(_ arguments: Arguments, url: String) throws -> (folder: String, authorities: String?, problem: String?) {
        let all = try configured(arguments).merging(ProcessEnvironment.all) { _, environment in environment }
        let problem = URLText.problem(with: url, isPlainAllowed: all["VAHO_PLAIN_HTTP"] == "anywhere")
        return (all["VAHO_STATE_DIR"] ?? EdgeSettings.defaultStateFolder, all["VAHO_CA_FILE"], problem)
    }

    private static func configured(_ arguments: Arguments) throws -> [String: String] {
        guard let path = arguments.value("config") else { return [:] }
        return try Settings.parse(file: Files.read(path, limit: 1 << 16), path: path)
    }
}

extension Program.Command {
    static let run = Program.Command(
        "run", "run the daemon: read sensors, forecast, serve the local API, deliver to the cloud", usage: "[--config FILE] [--speed N]",
        options: [.config, Arguments.Option("speed", value: "N", "replay speed of a recording; 1 is real time (VAHO_REPLAY_SPEED)")]
    ) { arguments in
        let overriding = arguments.value("speed").map { ["VAHO_REPLAY_SPEED": $0] } ?? [:]
        try await EdgeDaemon { try EdgeSettings.read(arguments, overriding: overriding, remote: $0, sensorsNeeded: true) }.run()
    }
}
