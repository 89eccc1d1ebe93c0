internal import Console
internal import EdgeStore
internal import HTTPClient
internal import Measures
internal import Runtime

/// Runs the uplink to the cloud that the settings or an enrolment configure. An enrolment while the daemon runs is applied without a restart.
struct CloudLink: Service {
    let settings: EdgeSettings
    let identity: DeviceIdentity
    let store: ReadingStore
    let intake: ModelIntake
    let clock: ReadingClock
    let status: UplinkStatus
    let statuses: SensorStatuses
    let remoteSettings: RemoteSettings?
    let log: Log

    private static let pollPeriod: Duration = .seconds(2)
    private var file: String { EnrolmentFile.path(in: settings.stateFolder) }

    func run() async throws {
        var uplink = settings.cloud.map { self.uplink(to: $0, authorities: settings.certificateAuthorities) }
        var stamp = settings.enrolmentStamp
        while true {
            try await run(uplink, until: stamp)
            stamp = Files.stamp(file)  // before the file is read, so that a later replacement is noticed
            do {
                uplink = try enrolledUplink()
                log(.info, "enrolment applied", ["device": identity.current])
            } catch { log(.error, "enrolment not applied, waiting for the file to change", ["file": file, "error": "\(error)"]) }
        }
    }

    /// Runs the uplink until the enrolment file is replaced.
    private func run(_ uplink: Uplink?, until stamp: String?) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let uplink { group.addTask { try await uplink.run() } }
            group.addTask {
                while !settings.followsEnrolment || Files.stamp(file) == stamp || !Files.exists(file) {
                    try await Task.sleep(for: CloudLink.pollPeriod)
                }
            }
            try await group.next()
            group.cancelAll()
            while let result = await group.nextResult() { if case .failure(let error) = result, !(error is CancellationError) { throw error } }
        }
    }

    private func enrolledUplink() throws -> Uplink? {
        let found = try EnrolmentFile.settings(in: settings.stateFolder)
        guard let url = found["VAHO_CLOUD_URL"], let tokenFile = found["VAHO_TOKEN_FILE"] else {
            throw EnrolmentFault.incompleteFile
        }
        if let problem = URLText.problem(with: url, isPlainAllowed: settings.allowsPlainHTTP) { throw EnrolmentFault.unusableAddress(problem) }
        if !settings.isDeviceNamed, let name = found["VAHO_DEVICE_ID"].flatMap(DeviceID.init) { identity.set(name) }
        let cloud = try EdgeSettings.Cloud(url: url, tokenFile: tokenFile)
        return uplink(to: cloud, authorities: settings.isAuthorityConfigured ? settings.certificateAuthorities : found["VAHO_CA_FILE"])
    }

    private func uplink(to cloud: EdgeSettings.Cloud, authorities: String?) -> Uplink {
        var http = HTTPClient.Settings(userAgent: "vaho-edge/\(EdgeVersion.text)")
        http.certificateAuthorities = authorities
        return Uplink(
            device: identity.current, url: cloud.url, token: DeviceToken(cloud.token, path: cloud.tokenFile), period: settings.syncPeriod,
            firstBackoff: settings.firstBackoff, client: HTTPClient(settings: http), store: store, intake: intake, clock: clock, status: status,
            statuses: statuses, thresholds: settings.rules.compactMap(\.humidityThreshold), samplePeriod: settings.samplePeriod,
            sensors: Set(settings.sensors.map(\.name)), settings: remoteSettings, log: log)
    }
}
