internal import API
internal import Access
internal import Archive
internal import Console
internal import HTTPClient
internal import HTTPServer
internal import Pipeline
internal import Runtime
internal import Signing

extension Arguments.Option {
    static let config = Arguments.Option("config", value: "FILE", "a file of VAHO_…=value lines; environment variables override the file")
    static let store = Arguments.Option(
        "store", value: "STORE", "the archive: sqlite:DIR or postgres://USER@HOST/DATABASE (VAHO_STORE, default sqlite:/var/lib/vaho-cloud)")
}

/// The cloud's configuration. The initialiser checks all settings and reports every problem at once.
struct CloudSettings: Sendable {
    let store: StoreAddress
    let signingKeyFile: String
    let listen: Endpoint
    let allowedHosts: [String]
    let tls: HTTPServer.TLS?
    private let pretrainedFile: String?  // path of the shipped release; `nil`: the program's folder; `none`: no shipped release
    let trainAfterDeviceDays: Double
    let trainCheckPeriod: Duration
    let trainSchedule: CalendarSchedule?
    let rolloutSteps: RolloutSteps
    let forecastSchedule: CalendarSchedule?  // `nil`: no forecasts are stored
    let forecastRetention: Duration
    let access: AccessSettings
    let silentAfter: Duration
    let webhook: Webhook?
    let mlflowURL: String?
    let mlflowToken: String?
    let limits: ArchiveLimits
    let minimumFreeBytes: Int64  // the least free space on the archive's disk
    let retention: Duration?  // how long batches stay in the log; `nil` if batches are never deleted
    let connections: UInt32
    let logLevel: Log.Level

    private static let defaultFolder = "/var/lib/vaho-cloud"

    func archive(_ access: ArchiveAccess) async throws -> Archive {
        let log = Log("postgres", minimumLevel: logLevel)
        return try await Archive(store, access: access, limits: limits) { log(.info, "message of the database server", ["text": $0]) }
    }

    func pretrained() throws -> PretrainedNetwork? { pretrainedFile == "none" ? nil : try PretrainedNetwork(path: pretrainedFile) }

    static func read(_ arguments: Arguments) throws -> CloudSettings {
        var file: [String: String] = [:]
        if let path = arguments.value("config") {
            file = try Settings.parse(file: Files.read(path, limit: 1 << 16), path: path)
        }
        var environment = ProcessEnvironment.all
        if let store = arguments.value("store") { environment["VAHO_STORE"] = store }
        if let listen = arguments.value("listen") { environment["VAHO_LISTEN"] = listen }
        var settings = Settings(environment: environment, file: file)
        return try CloudSettings(&settings)
    }

    init(_ settings: inout Settings) throws {
        let address = StoreAddress(settings.text("VAHO_STORE", default: "sqlite:\(CloudSettings.defaultFolder)"))
        // The text is not repeated: it may contain a password.
        if address == nil { settings.problem("VAHO_STORE: expected \(StoreAddress.syntax)") }
        store = address ?? .sqlite(folder: CloudSettings.defaultFolder)
        signingKeyFile = settings.text("VAHO_SIGNING_KEY_FILE", default: "\(store.folder ?? CloudSettings.defaultFolder)/release-signing.key")
        listen = settings.endpoint("VAHO_LISTEN", default: Endpoint(address: "127.0.0.1", port: 8080))
        allowedHosts = settings.hostNames("VAHO_ALLOWED_HOSTS")
        pretrainedFile = settings.optional("VAHO_PRETRAINED_FILE")
        trainAfterDeviceDays = Double(settings.integer("VAHO_TRAIN_AFTER_DEVICE_DAYS", default: 28, in: 1...1_000_000))
        trainCheckPeriod = .seconds(settings.integer("VAHO_TRAIN_CHECK_SECONDS", default: 600, in: 1...86_400))
        trainSchedule = CloudSettings.schedule("VAHO_TRAIN_SCHEDULE", default: "off", &settings)
        let steps = settings.text("VAHO_ROLLOUT_STEPS", default: RolloutSteps.standard.text)
        if RolloutSteps(steps) == nil { settings.problem("VAHO_ROLLOUT_STEPS=\(steps): expected \(RolloutSteps.syntax)") }
        rolloutSteps = RolloutSteps(steps) ?? .standard
        forecastSchedule = CloudSettings.schedule("VAHO_FORECAST_SCHEDULE", default: "15 0 * * *", &settings)
        forecastRetention = .seconds(settings.integer("VAHO_FORECAST_RETENTION_DAYS", default: 400, in: 1...36_500) * 86_400)
        access = CloudSettings.access(&settings)
        silentAfter = .seconds(settings.integer("VAHO_SILENT_AFTER_SECONDS", default: 1_800, in: 5...2_592_000))
        let isPlainAllowed = settings.allowsPlainHTTP()
        let webhookURL = settings.optional("VAHO_WEBHOOK_URL")
        if let webhookURL, let problem = URLText.problem(with: webhookURL, isPlainAllowed: isPlainAllowed) {
            settings.problem("VAHO_WEBHOOK_URL=\(problem)")
        }
        webhook = webhookURL.map { Webhook(url: $0, settings: HTTPClient.Settings(userAgent: "vaho-cloud")) }
        mlflowURL = settings.optional("VAHO_MLFLOW_URL")
        if let mlflowURL, let problem = URLText.problem(with: mlflowURL, isPlainAllowed: isPlainAllowed) {
            settings.problem("VAHO_MLFLOW_URL=\(problem)")
        }
        var mlflowToken: String?
        if let path = settings.optional("VAHO_MLFLOW_TOKEN_FILE") {
            do { mlflowToken = try Files.readTrimmed(path) } catch { settings.problem("VAHO_MLFLOW_TOKEN_FILE=\(path): \(error)") }
        }
        self.mlflowToken = mlflowToken
        var limits = ArchiveLimits()
        limits.sensorsPerDevice = settings.integer("VAHO_SENSORS_PER_DEVICE", default: limits.sensorsPerDevice, in: 1...10_000)
        limits.bytesPerDay = 1_000_000 * Int64(settings.integer("VAHO_DEVICE_MB_PER_DAY", default: 1_000, in: 1...1_000_000))
        self.limits = limits
        minimumFreeBytes = 1_000_000 * Int64(settings.integer("VAHO_STORE_FREE_MB", default: 100, in: 0...1_000_000))
        // An edge that is restored from a backup may send all its readings again. So the minimum is the default retention of an edge.
        retention = settings.days("VAHO_ARCHIVE_RETENTION_DAYS", default: 400, in: 90...36_500).map { .seconds($0 * 86_400) }
        connections = UInt32(settings.integer("VAHO_CONNECTIONS", default: 4_000, in: 16...100_000))
        logLevel = settings.choice("VAHO_LOG_LEVEL", default: .info, among: ["error": .error, "warning": .warning, "info": .info, "debug": .debug])
        let certificate = settings.optional("VAHO_TLS_CERT_FILE")
        let key = settings.optional("VAHO_TLS_KEY_FILE")
        var tls: HTTPServer.TLS?
        if let certificate, let key {
            do {
                tls = HTTPServer.TLS(
                    certificate: String(decoding: try Files.read(certificate, limit: 1 << 20), as: UTF8.self),
                    key: String(decoding: try Files.read(key, limit: 1 << 20), as: UTF8.self))
            } catch { settings.problem("VAHO_TLS_CERT_FILE, VAHO_TLS_KEY_FILE: \(error)") }
        } else if certificate != nil || key != nil {
            settings.problem("VAHO_TLS_CERT_FILE and VAHO_TLS_KEY_FILE: set both settings, or neither if a proxy provides TLS")
        }
        self.tls = tls
        try settings.throwProblems(ignoring: .edge)
    }

    private static func access(_ settings: inout Settings) -> AccessSettings {
        var access = AccessSettings()
        access.anonymousRole = settings.choice("VAHO_ANONYMOUS", default: nil, among: ["off": nil, "viewer": .viewer] as [String: Role?])
        if let path = settings.optional("VAHO_OPERATOR_TOKEN_FILE") {
            let token = (try? Files.readTrimmed(path)) ?? ""
            if token.utf8.count < 16 { settings.problem("VAHO_OPERATOR_TOKEN_FILE=\(path): expected a file with a token of at least 16 characters") }
            access.operatorToken = SHA256.digest(Array(token.utf8))
        }
        if let text = settings.optional("VAHO_TRUSTED_PROXIES") {
            let proxies = TrustedProxies(text)
            if proxies == nil { settings.problem("VAHO_TRUSTED_PROXIES=\(text): expected \(TrustedProxies.syntax)") }
            access.proxies = proxies ?? .none
        }
        access.proxyUserHeader = settings.optional("VAHO_PROXY_USER_HEADER")?.lowercased()
        if access.proxyUserHeader != nil, access.proxies.isEmpty {
            settings.problem("VAHO_PROXY_USER_HEADER: set VAHO_TRUSTED_PROXIES, too, because only the word of a trusted proxy is believed")
        }
        access.proxyAdmins = Set(
            (settings.optional("VAHO_PROXY_ADMINS") ?? "").split { $0 == "," || $0 == " " }.map(String.init))
        return access
    }

    /// - Returns: `nil` for `off`, and for an expression that is a problem.
    private static func schedule(_ key: String, default fallback: String, _ settings: inout Settings) -> CalendarSchedule? {
        let text = settings.text(key, default: fallback)
        guard text != "off" else { return nil }
        let schedule = CalendarSchedule(text)
        if schedule == nil { settings.problem("\(key)=\(text): expected off, or \(CalendarSchedule.syntax)") }
        return schedule
    }
}
