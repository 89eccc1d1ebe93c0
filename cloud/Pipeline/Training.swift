package import Archive
package import Forecasting
internal import Learning
package import Measures
internal import Observing
internal import Releases
internal import Runtime
internal import Signing
internal import Synchronization
internal import Text
package import Wire

/// One training run: observations in, a signed release out if it beats the champion; else the reason why not.
package struct Training: Sendable {
    package static let codeVersion = "vaho 0.1.0"
    private static let lifetime: Duration = .seconds(180 * 86_400)
    /// Two weeks of observations: the least that has a fit, a choice, a calibration and a comparison with 5-day targets in each.
    package static let leastDays = 14.0

    private let archive: Archive
    private let reader: Archive
    private let pretrained: Pretrained?
    private let thread = ComputingThread(label: "training")

    /// - Parameters:
    ///   - archive: gets the release and the run.
    ///   - reader: gives the observations; may be the same.
    ///   - pretrained: where the fleet's first model begins.
    package init(archive: Archive, reader: Archive, pretrained: Pretrained? = nil) {
        self.archive = archive
        self.reader = reader
        self.pretrained = pretrained
    }

    package enum Outcome: String, Sendable {
        case promoted, champion_kept, unchanged, too_little_data
    }

    package struct Result: Sendable {
        package let outcome: Outcome
        package let detail: String
        package let release: ReleaseName?
    }

    /// Two runs at once could promote two releases against the same champion.
    package struct InProgress: Error, CustomStringConvertible {
        package var description: String { "another training run is under way: wait until it has ended" }
    }

    /// - Parameters:
    ///   - cause: `manual`, `new data`: for the record.
    ///   - progress: called at each step of the run.
    /// - Throws: `InProgress` while another run is under way, in this program or another.
    package func run(cause: String, now: Instant, progress: @escaping @Sendable (TrainingProgress) -> Void = { _ in }) async throws -> Result {
        let lock: FolderLock
        do { lock = try FolderLock(archive.folder, name: "training.lock") } catch is FolderInUse { throw InProgress() }
        defer { withExtendedLifetime(lock) {} }
        let (series, hash) = try await eligible(progress)
        let days = try await reader.observedDays()  // of all sensors: the scheduler asks how many have come since
        func finish(_ outcome: Outcome, _ detail: String, _ release: ReleaseName? = nil) async throws -> Result {
            try await archive.record(
                Archive.Run(
                    startedAt: now, endedAt: max(now, LabelClock.wallClock), cause: cause, snapshot: hash, deviceDays: days,
                    outcome: outcome.rawValue,
                    detail: detail, release: release?.counter))
            return Result(outcome: outcome, detail: detail, release: release)
        }
        if try await archive.runs(limit: 1).first?.snapshot == hash {
            return Result(outcome: .unchanged, detail: "nothing has come since the last run", release: nil)
        }
        let champion = try await champion()
        guard let candidate = try await fit(series, from: champion?.network ?? pretrained?.network, progress) else {
            let longest = try await longestDays()
            return try await finish(
                .too_little_data, "the longest series has \(Int(longest)) days, about \(Int(Training.leastDays)) are needed")
        }
        let shipped = try await isShippedReleaseInUse() ? pretrained?.network : nil
        let comparison = try await compare(series, candidate, champion?.network ?? shipped, progress)
        let summary = Training.summary(comparison)
        guard comparison.verdict == .pass else { return try await finish(.champion_kept, "\(comparison.verdict.rawValue): \(summary)") }
        let release = Release(
            header: ReleaseHeader(
                counter: try await archive.nextCounter(now: now), modelID: "network-\(hash.prefix(8))", createdAt: now,
                expiresAt: now + Training.lifetime,
                provenance: Provenance(
                    snapshot: hash, codeVersion: Training.codeVersion, seed: Training.settings.seed, configuration: Training.configurationHash(),
                    parent: champion?.sha256 ?? pretrained?.sha256 ?? "", backtest: summary)),
            network: candidate)
        let bytes = try ReleaseSigner(folder: archive.folder).file(release)
        let name = try await archive.promote(bytes, header: release.header, reason: "training run, \(cause): \(summary)", now: now)
        return try await finish(.promoted, summary, name)
    }

    // MARK: series, one in memory at a time

    /// Sensors with enough observed days to learn from, and the hash of what they hold.
    private func eligible(_ progress: @Sendable (TrainingProgress) -> Void) async throws -> (sensors: [Archive.Sensor], hash: String) {
        let all = try await reader.sensors().filter { Training.days($0.observations, $0.grid) >= Training.leastDays }
        // A sample of a large fleet: every so-many-th in the order of names.
        let stride = max(1, (all.count + Training.mostSeries - 1) / Training.mostSeries)
        let sensors = all.enumerated().filter { $0.offset % stride == 0 }.map(\.element)
        var snapshot = SnapshotHash()
        for (place, sensor) in sensors.enumerated() {
            try Task.checkCancellation()
            progress(.reading(place + 1, of: sensors.count))
            snapshot.add("\(sensor.device)/\(sensor.name)", try await reader.observations(sensor: sensor.id))
        }
        return (sensors, snapshot.finish())
    }

    private static func days(_ observations: Int64, _ grid: TimeGrid) -> Double { Double(observations) * Double(grid.step.ms) / 86_400_000 }

    private func longestDays() async throws -> Double { try await reader.sensors().map { Training.days($0.observations, $0.grid) }.max() ?? 0 }

    /// Adds up what each series gives, computed on the training's own thread.
    private func gather<Value: Sendable>(
        _ start: Value, _ sensors: [Archive.Sensor], _ add: @escaping @Sendable (inout Value, GriddedSeries, _ number: Int) -> Void
    ) async throws -> Value {
        let sum = Growing(start)
        for (number, sensor) in sensors.enumerated() {
            let observations = try await reader.observations(sensor: sensor.id)
            let name = "\(sensor.device)/\(sensor.name)"
            guard let series = GriddedSeries(name: name, grid: sensor.grid, observations: observations) else { continue }
            try await thread.run { sum.value.withLock { add(&$0, series, number) } }
        }
        return sum.value.withLock { $0 }
    }

    /// As long as the fleet has no champion, a candidate has to beat what the devices forecast by: the shipped release, unless
    /// all that say so run without one.
    private func isShippedReleaseInUse() async throws -> Bool {
        let reports = try await reader.reports()
        return reports.isEmpty || reports.contains { $0.release != nil }
    }

    private func champion() async throws -> (sha256: String, network: Network)? {
        guard let name = try await reader.releaseName(alias: Archive.champion), let bytes = try await reader.releaseBytes(counter: name.counter)
        else { return nil }
        let signer = try ReleaseSigner(folder: archive.folder)
        let release: Release
        do {
            release = try ReleaseIntake.open(
                bytes, ReleaseIntake.Demand(sha256: name.sha256, counterAbove: nil), ReleaseSigner.cryptography(trusting: [signer.publicKey]))
        } catch  where error.isFinal {
            return nil  // of an earlier program's kind: as good as none
        }
        return (Hexadecimal.text(name.sha256), release.network)
    }

    /// A network fitted to the part of every series that the comparison leaves.
    /// - Parameter start: goes on from its weights; `nil` begins at random.
    /// - Returns: `nil` where the series hold too little.
    private func fit(
        _ sensors: [Archive.Sensor], from start: Network?, _ progress: @escaping @Sendable (TrainingProgress) -> Void
    ) async throws -> Network? {
        let sampling = TrainingRows.Sampling(rowsPerSeries: min(18_000, max(200, Training.mostRows / max(1, sensors.count))))
        let rows = try await gather(TrainingRows(), sensors) { rows, series, number in
            rows.add(series, in: Comparison.learntBins(of: series), number: number, sampling: sampling)
        }
        guard rows.count >= Training.leastRows else { return nil }
        let settings = start == nil ? Training.settings : Training.further
        let training = NetworkTraining(rows, settings)
        guard
            var network = try await thread.run({
                try training.run(from: start, progress: { epoch, loss in progress(.fitting(epoch + 1, of: settings.epochs, loss: loss)) })
            })
        else { return nil }
        let intervals = try await gather(IntervalStart(of: network), sensors) { intervals, series, _ in
            intervals.add(series, in: Comparison.learntBins(of: series))
        }
        network.spreads = intervals.spreads
        return network
    }

    static let settings = NetworkTraining.Settings()
    /// From a champion on: fewer and smaller steps, so that what it knows of other air is not lost.
    private static let further: NetworkTraining.Settings = {
        var settings = NetworkTraining.Settings()
        settings.epochs = 4
        settings.rate = 0.001
        return settings
    }()
    private static let leastRows = 100
    private static let mostRows = 100_000  // of all series: 1.7 kilobytes each
    private static let mostSeries = 500

    private func compare(
        _ sensors: [Archive.Sensor], _ candidate: Network, _ champion: Network?, _ progress: @escaping @Sendable (TrainingProgress) -> Void
    ) async throws -> Comparison {
        try await gather(Comparison(), sensors) { comparison, series, number in
            progress(.comparing(number + 1, of: sensors.count))
            comparison.add(series, candidate: candidate, champion: champion)
        }
    }

    /// One line: per lead time the mean absolute error, candidate against champion and persistence.
    package static func summary(_ comparison: Comparison) -> String {
        func number(_ value: Double?) -> String { value.map { String(Double(Int(($0 * 100).rounded())) / 100) } ?? "–" }
        let parts = comparison.leadTimes.indices.compactMap { index -> String? in
            guard comparison.candidate[index].count > 0 else { return nil }
            let (new, old) = (comparison.candidate[index], comparison.champion[index])
            return
                "\(comparison.leadTimes[index].wholeSeconds / 3_600) h \(number(new.meanAbsoluteError)) (champion \(number(old.meanAbsoluteError)), persistence \(number(new.meanPersistenceError)))"
        }
        return "loss \(number(comparison.ratio)) of the champion's; mean absolute error in %RH: " + parts.joined(separator: ", ")
    }

    private static func configurationHash() -> String {
        let text = "\(settings) " + (NetworkInputs.sharedNames + NetworkInputs.leadNames).joined(separator: " ")
        return Hexadecimal.text(SHA256.digest(Array(text.utf8)))
    }
}

/// A large value that grows in place, one thread after the other.
private final class Growing<Value: Sendable>: Sendable {
    let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
}

/// The hash of what a model learns from: every series' name and observations, in order.
struct SnapshotHash {
    private var hashes: [UInt8] = []

    mutating func add(_ name: String, _ observations: [Observation]) {
        var bytes = Array(name.utf8) + [0]
        bytes.reserveCapacity(observations.count * 24)
        for observation in observations {
            let values = [
                observation.validAt.ms, Int64(bitPattern: observation.humidity.percent.bitPattern),
                observation.temperature.map { Int64(bitPattern: $0.celsius.bitPattern) } ?? .min,
            ]
            for value in values { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
        }
        hashes += SHA256.digest(bytes)
    }

    func finish() -> String { Hexadecimal.text(SHA256.digest(hashes)) }
}
