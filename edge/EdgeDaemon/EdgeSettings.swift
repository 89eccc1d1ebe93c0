package import Console
package import EdgeStore
internal import HTTPClient
package import Measures
internal import Releases
package import Runtime
package import Sensors
internal import Signing
internal import Text

/// The complete configuration of the edge, checked. Every problem is reported at once.
package struct EdgeSettings: Sendable {
    package var device: DeviceID
    package var stateFolder: String
    package var sysfs: String
    package var sensors: [ConfiguredSensor]
    package var samplePeriod: Duration
    package var commitPeriod: Duration
    package var cloud: Cloud?
    /// Whether an enrolment supplies the cloud, the token and the name, now or later while the daemon runs.
    package var followsEnrolment = false
    package var enrolmentStamp: String?  // stamp of the enrolment file that these settings were read from
    package var isAuthorityConfigured = true  // false: certificate authorities come from the enrolment
    package var allowsPlainHTTP: Bool
    package var isDeviceNamed: Bool  // the configuration sets the name; an enrolment does not change it
    package var syncPeriod: Duration
    package var firstBackoff: Duration
    package var releaseKeyFile: String?
    package var pretrainedFile: String?  // path of the shipped release, if the file is not beside the program
    package var listen: Endpoint?
    package var allowedHosts: [String]
    package var pageAccess: PageAccess.Rule
    package var retention: Retention
    package var rules: [Rule]
    package var alarmCommand: String?
    package var alarmWebhook: String?
    package var certificateAuthorities: String?
    package var replaySpeed: Double
    package var logLevel: Log.Level
    package var takesRemoteSettings: Bool
    package var remoteProblem: String?  // why the stored settings from the cloud are not used

    package struct ConfiguredSensor: Sendable {
        package let name: SensorName
        package let spec: SensorSpec
        package let place: String
        package let surface: Surface?
    }

    /// The temperature of the wall or pane beside a sensor.
    package enum Surface: Sendable, Equatable {
        case at(Temperature)
        case measured(SensorName)  // the temperature of this sensor
    }

    package var surfaces: [SensorName: Surface] {
        Dictionary(sensors.compactMap { sensor in sensor.surface.map { (sensor.name, $0) } }) { first, _ in first }
    }

    package struct Cloud: Sendable {
        package let url: String
        package let token: String
        package let tokenFile: String

        /// - Throws: an error that describes the problem with the token file.
        init(url: String, tokenFile: String) throws {
            self.url = url
            self.tokenFile = tokenFile
            token = try Files.readTrimmed(tokenFile)
            guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else { throw EnrolmentFault.notAToken }
        }
    }

    package static let defaultStateFolder = "/var/lib/vaho"
    package var storePath: String { stateFolder + "/readings.sqlite" }

    /// - Throws: `UsageError` with every problem found.
    package init(_ settings: inout Settings, sensorsNeeded: Bool) throws {
        stateFolder = settings.text("VAHO_STATE_DIR", default: EdgeSettings.defaultStateFolder)
        sysfs = settings.text("VAHO_SYSFS_ROOT", default: "/sys")
        isDeviceNamed = settings.optional("VAHO_DEVICE_ID") != nil
        let name = settings.text("VAHO_DEVICE_ID", default: EdgeSettings.hostName())
        let valid = DeviceID(name)
        if valid == nil { settings.problem("VAHO_DEVICE_ID=\(name): expected \(DeviceID.syntax)") }
        logLevel = settings.choice("VAHO_LOG_LEVEL", default: .info, among: ["error": .error, "warning": .warning, "info": .info, "debug": .debug])
        takesRemoteSettings = settings.choice("VAHO_REMOTE_SETTINGS", default: true, among: ["on": true, "off": false])
        let period = settings.integer("VAHO_SAMPLE_PERIOD_SECONDS", default: 60, in: 1...86_400)
        samplePeriod = .seconds(period)
        commitPeriod = .seconds(settings.integer("VAHO_COMMIT_PERIOD_SECONDS", default: period >= 60 ? 0 : 30, in: 0...3_600))
        replaySpeed = Double(settings.integer("VAHO_REPLAY_SPEED", default: 1, in: 1...1_000_000))
        retention = Retention()
        retention.readings = .seconds(86_400 * settings.integer("VAHO_RETENTION_DAYS", default: 90, in: 1...3_650))
        retention.byteLimit = 1_000_000 * Int64(settings.integer("VAHO_STORE_LIMIT_MB", default: 64, in: 4...100_000))
        listen = nil
        if settings.text("VAHO_LISTEN", default: "") != "off" {
            listen = settings.endpoint("VAHO_LISTEN", default: Endpoint(address: "127.0.0.1", port: 8470))
        }
        allowedHosts = settings.hostNames("VAHO_ALLOWED_HOSTS")
        pageAccess = EdgeSettings.pageAccess(&settings, isLoopback: listen?.isLoopback ?? true)
        releaseKeyFile = settings.optional("VAHO_RELEASE_KEY_FILE")
        pretrainedFile = settings.optional("VAHO_PRETRAINED_FILE") ?? Files.installedPath(ShippedRelease.fileName)
        if pretrainedFile == "none" { pretrainedFile = nil }
        if let releaseKeyFile {
            do { _ = try KeyFiles(folder: stateFolder, configured: releaseKeyFile).pinned() } catch {
                settings.problem("VAHO_RELEASE_KEY_FILE=\(releaseKeyFile): \(error)")
            }
        }
        alarmCommand = settings.optional("VAHO_ALARM_COMMAND")
        let isPlainAllowed = settings.allowsPlainHTTP()
        allowsPlainHTTP = isPlainAllowed
        alarmWebhook = settings.optional("VAHO_ALARM_WEBHOOK_URL")
        if let alarmWebhook, let problem = URLText.problem(with: alarmWebhook, isPlainAllowed: isPlainAllowed) {
            settings.problem("VAHO_ALARM_WEBHOOK_URL=\(problem)")
        }
        certificateAuthorities = settings.optional("VAHO_CA_FILE")
        sensors = EdgeSettings.sensors(&settings, sensorsNeeded: sensorsNeeded)
        rules = EdgeSettings.rules(&settings, of: sensors)
        syncPeriod = .seconds(settings.integer("VAHO_SYNC_PERIOD_SECONDS", default: 300, in: 1...86_400))
        firstBackoff = .seconds(settings.integer("VAHO_BACKOFF_SECONDS", default: 5, in: 1...900))
        cloud = EdgeSettings.cloud(&settings, isPlainAllowed: isPlainAllowed)
        try settings.throwProblems(ignoring: .cloud)
        guard let valid else { throw UsageError("VAHO_DEVICE_ID=\(name): expected \(DeviceID.syntax)") }
        device = valid
        if sensors.contains(where: { $0.spec.isReplay }) { commitPeriod = min(commitPeriod, .milliseconds(500)) }
    }

    private static func pageAccess(_ settings: inout Settings, isLoopback: Bool) -> PageAccess.Rule {
        let isForEverybody = settings.choice("VAHO_ANONYMOUS", default: false, among: ["off": false, "viewer": true])
        guard let path = settings.optional("VAHO_PAGE_PASSWORD_FILE") else { return isLoopback || isForEverybody ? .open : .closed }
        let password = (try? Files.readTrimmed(path)) ?? ""
        if password.unicodeScalars.count < 12 {
            settings.problem("VAHO_PAGE_PASSWORD_FILE=\(path): expected a file with a password of at least 12 characters")
        }
        return .password(sha256: SHA256.digest(password.utf8))
    }

    private static func sensors(_ settings: inout Settings, sensorsNeeded: Bool) -> [ConfiguredSensor] {
        var sensors: [ConfiguredSensor] = []
        for (key, value) in settings.group("VAHO_SENSOR_") {
            guard let name = SensorName(key.lowercased()) else {
                settings.problem("VAHO_SENSOR_\(key): a sensor's name is \(SensorName.syntax)")
                continue
            }
            if sensors.contains(where: { $0.name == name }) {
                settings.problem("VAHO_SENSOR_\(key): there is a sensor \(name) already; sensor names are not case-sensitive")
                continue
            }
            let place = settings.text("VAHO_PLACE_\(key)", default: "")
            if place.utf8.count > 200 { settings.problem("VAHO_PLACE_\(key): a place has at most 200 bytes") }
            let surface = surface(&settings, "VAHO_SURFACE_\(key)")
            do { sensors.append(ConfiguredSensor(name: name, spec: try SensorSpec(value), place: place, surface: surface)) } catch {
                settings.problem("VAHO_SENSOR_\(key)=\(value): \(error)")
            }
        }
        if sensorsNeeded, sensors.isEmpty, settings.problems.isEmpty {
            settings.problem("no sensor is configured: set VAHO_SENSOR_NAME to one of \(SensorSpec.kinds.joined(separator: ", "))")
        }
        if sensors.contains(where: { $0.spec.isReplay }), sensors.contains(where: { !$0.spec.isReplay }) {
            settings.problem("VAHO_SENSOR_…: a replay has its own clock and cannot run beside live sensors")
        }
        return sensors
    }

    /// Reads the rules. A rule that can never raise an alarm is reported: a rule for an unknown sensor, or for a surface without a configured
    /// temperature.
    private static func rules(_ settings: inout Settings, of sensors: [ConfiguredSensor]) -> [Rule] {
        var rules: [Rule] = []
        for (key, text) in settings.group("VAHO_RULE_") {
            do {
                let rule = try Rule(name: key.lowercased(), text: text)
                rules.append(rule)
                guard !sensors.isEmpty else { continue }  // a command that only reads the store
                let matchingSensors = sensors.filter { rule.sensor ?? $0.name == $0.name }
                if matchingSensors.isEmpty {
                    let names = WordList.text(sensors.map(\.name.name))
                    settings.problem("VAHO_RULE_\(key)=\(text): there is no sensor \(rule.sensor?.name ?? ""): there are \(names)")
                } else if rule.needsSurface, matchingSensors.allSatisfy({ $0.surface == nil }) {
                    settings.problem("VAHO_RULE_\(key)=\(text): set VAHO_SURFACE_… to the temperature of the surface")
                }
            } catch { settings.problem("VAHO_RULE_\(key)=\(text): \(error)") }
        }
        return rules
    }

    private static func surface(_ settings: inout Settings, _ key: String) -> Surface? {
        guard let text = settings.optional(key) else { return nil }
        if let celsius = NumberText.decimal(text) {
            guard (-60...90).contains(celsius) else {
                settings.problem("\(key)=\(text): expected a temperature of -60 to 90 °C")
                return nil
            }
            return .at(Temperature(celsius: celsius))
        }
        guard let name = SensorName(text.lowercased()), settings.group("VAHO_SENSOR_").contains(where: { $0.name.lowercased() == name.name }) else {
            settings.problem("\(key)=\(text): expected a temperature in °C, or the name of a configured sensor on the surface")
            return nil
        }
        return .measured(name)
    }

    private static func cloud(_ settings: inout Settings, isPlainAllowed: Bool) -> Cloud? {
        let tokenFile = settings.optional("VAHO_TOKEN_FILE")
        guard var url = settings.optional("VAHO_CLOUD_URL") else {
            if tokenFile != nil { settings.problem("VAHO_TOKEN_FILE is set, VAHO_CLOUD_URL is not: set both, or neither to stay offline") }
            return nil
        }
        while url.hasSuffix("/") { url.removeLast() }
        if let problem = URLText.problem(with: url, isPlainAllowed: isPlainAllowed) { settings.problem("VAHO_CLOUD_URL=\(problem)") }
        guard let tokenFile else {
            settings.problem("VAHO_TOKEN_FILE is missing: the file of the token that vaho-cloud device add printed")
            return nil
        }
        do { return try Cloud(url: url, tokenFile: tokenFile) } catch {
            settings.problem("VAHO_TOKEN_FILE=\(tokenFile): \(error)")
            return nil
        }
    }

    /// The host's name, reduced to the characters that a device's name may have.
    private static func hostName() -> String {
        let name = ((try? Files.readTrimmed("/proc/sys/kernel/hostname")) ?? "edge").lowercased()
        let usable = name.filter { DeviceID("a\($0)") != nil }
        return usable.isEmpty ? "edge" : String(usable.prefix(64))
    }
}
