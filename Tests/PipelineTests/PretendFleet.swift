import ArchiveExamples
import Examples
import Forecasting
import Measures
import Releases
import Runtime
import Signing
import Testing
import Wire

@testable import Archive
@testable import Pipeline

extension Archive {
    /// Stores a signed release with a network of its own, and returns its counter.
    nonisolated func registerExample(_ seed: UInt64, signer: ReleaseSigner, now: Instant) async throws -> UInt64 {
        let provenance = Provenance(snapshot: "s\(seed)", codeVersion: "", seed: seed, configuration: "", parent: "", backtest: "")
        let header = ReleaseHeader(
            counter: try await nextCounter(now: now), modelID: "m\(seed)", createdAt: now, expiresAt: now + .seconds(86_400), provenance: provenance)
        return try await register(signer.file(Release(header: header, network: anyNetwork(seed: seed))), header: header).counter
    }
}

/// Devices that follow the rules of an edge: they accept only higher counters, never take a release again that they gave up, and report the release
/// in use and the errors of each day.
final class PretendFleet {
    struct Device {
        let id: Int64
        let name: String
        var release: ReleaseReference?
        var previous: UInt64 = 0
        var accepted: UInt64 = 0
        var rejections: [ReleaseRejection] = []
    }

    let place: TemporaryArchive
    let archive: Archive
    let clock: ManualClock
    var devices: [Device] = []
    /// The mean error of each release; 1 for a release that is not in the list.
    var errors: [UInt64: Double] = [:]
    /// Devices that send nothing.
    var silent: Set<String> = []
    private var day: Int64 = 19_000

    init(_ place: TemporaryArchive, devices count: Int) async throws {
        self.place = place
        archive = try await place.open()
        clock = ManualClock(wall: place.now)
        _ = try await ReleaseSigner(of: archive, keyFile: place.location.keyFile)
        for number in 0..<count {
            let name = "d\(number)"
            devices.append(Device(id: try await place.device(archive, name), name: name))
        }
    }

    var service: RolloutService {
        RolloutService(
            archive: archive, reader: archive, keyFile: place.location.keyFile, pretrained: nil, clock: clock.serviceClock,
            log: Log("test", minimumLevel: .error))
    }

    func changes() async throws -> RolloutChanges {
        RolloutChanges(
            archive: archive, signer: try await ReleaseSigner(of: archive, keyFile: place.location.keyFile), pretrained: nil)
    }

    func release(_ seed: UInt64) async throws -> UInt64 {
        try await archive.registerExample(seed, signer: ReleaseSigner(of: archive, keyFile: place.location.keyFile), now: place.now)
    }

    /// Every device sends its report and takes the release that it is offered.
    func report(isDay: Bool = false) async throws {
        if isDay { day += 1 }
        let air = try #require(SensorName("air"))
        for index in devices.indices where !silent.contains(devices[index].name) {
            let device = devices[index]
            let error = errors[device.release?.counter ?? 0] ?? 1
            let score = DailyScore(
                sensor: air, day: day, releaseCounter: device.release?.counter ?? 0, leadTimeSeconds: 3_600, count: 144,
                absoluteErrorMpct: Int64(error * 144_000), persistenceErrorMpct: 200_000, climatologyErrorMpct: 300_000, pinballMpct: 70_000,
                covered: 115,
                comparison: DailyScore.Comparison(
                    rivalCounter: device.previous, count: 144, errorMpct: Int64(error * 144_000), rivalErrorMpct: 144_000))
            let report = DeviceReport(
                release: device.release, backlog: 0, evicted: 0, refused: 0, clock: .synchronised, scores: [], rejections: device.rejections,
                dailyScores: isDay ? [score] : [])
            // The first report comes with a reading, so that the cloud knows the sensor.
            let rows = device.release == nil ? [Batch.Row.reading(sensor: 0, Reading(takenAt: place.now, humidityMpct: 50_000))] : []
            let batch = Batch(epoch: Epoch(bits: 9), first: 1, sensors: [air], rows: rows, report: report)
            let outcomes = try await place.submit(
                archive, [.batch(try BatchArrival(device: device.id, batch: batch, receivedAt: clock.serviceClock.wallClock))])
            guard case .batch(let answer) = try outcomes[0].get(), let offered = answer.release, offered.counter > device.accepted,
                !device.rejections.contains(where: { $0.release == offered })
            else { continue }
            devices[index].previous = device.release?.counter ?? 0
            (devices[index].release, devices[index].accepted) = (offered, offered.counter)
        }
    }

    /// A device goes back to its last good release by itself.
    func giveUp(_ index: Int, to release: ReleaseReference?) throws {
        let old = try #require(devices[index].release)
        devices[index].rejections.append(ReleaseRejection(release: old, reason: .liveError, at: place.now, detail: "twice the error"))
        devices[index].release = release
    }

    /// One step of the rollout after all devices have reported.
    func step(isDay: Bool = false) async throws {
        try await report(isDay: isDay)
        try await service.step()
    }

    func count(of release: UInt64) -> Int { devices.count { $0.release?.counter == release } }
}
