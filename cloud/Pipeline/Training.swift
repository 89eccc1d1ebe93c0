package import Archive
package import Forecasting
package import Measures
internal import Observing
internal import Releases
internal import Signing
package import Wire

/// One training run: observations in, a signed release out if it beats the champion; else the reason why not.
package struct Training: Sendable {
    package static let codeVersion = "vaho 0.1.0"
    private static let lifetime: Duration = .seconds(180 * 86_400)
    /// Two weeks: the least that has a fit, a choice, a calibration and a comparison with 5-day targets in each.
    package static let leastDays = 14.0

    private let archive: Archive
    private let reader: Archive

    /// - Parameters:
    ///   - archive: gets the release and the run.
    ///   - reader: gives the observations; may be the same.
    package init(archive: Archive, reader: Archive) {
        self.archive = archive
        self.reader = reader
    }

    package enum Outcome: String, Sendable {
        case promoted, champion_kept, unchanged, too_little_data
    }

    package struct Result: Sendable {
        package let outcome: Outcome
        package let detail: String
        package let release: ReleaseName?
    }

    /// - Parameter cause: `manual`, `new data`: for the record.
    package func run(cause: String, now: Instant) async throws -> Result {
        let sensors = try await reader.sensors()
        var series: [GriddedSeries] = []
        var snapshot = SnapshotHash()
        for sensor in sensors {
            try Task.checkCancellation()
            let observations = try await reader.observations(sensor: sensor.id)
            snapshot.add("\(sensor.device)/\(sensor.name)", observations)
            if let gridded = GriddedSeries(name: "\(sensor.device)/\(sensor.name)", grid: sensor.grid, observations: observations) {
                series.append(gridded)
            }
        }
        let days = series.reduce(0) { $0 + Double($1.observations.count) * Double($1.grid.step.ms) / 86_400_000 }
        let hash = snapshot.finish()
        func finish(_ outcome: Outcome, _ detail: String, _ release: ReleaseName? = nil) async throws -> Result {
            try await archive.record(
                Archive.Run(
                    startedAt: now, endedAt: now, cause: cause, snapshot: hash, deviceDays: days, outcome: outcome.rawValue, detail: detail,
                    release: release?.counter))
            return Result(outcome: outcome, detail: detail, release: release)
        }
        if try await archive.runs(limit: 1).first?.snapshot == hash {
            return Result(outcome: .unchanged, detail: "nothing has come since the last run", release: nil)
        }
        guard let candidate = try await Training.fit(series) else {
            let longest = series.map { Double($0.bins) * Double($0.grid.step.ms) / 86_400_000 }.max() ?? 0
            return try await finish(.too_little_data, "the longest series has \(Int(longest)) days, about \(Int(Training.leastDays)) are needed")
        }
        let champion = try await championModel()
        let comparison = await Training.compare(series, candidate, champion?.model)
        let summary = Training.summary(comparison)
        guard comparison.verdict == .pass else { return try await finish(.champion_kept, "\(comparison.verdict.rawValue): \(summary)") }
        let release = Release(
            header: ReleaseHeader(
                counter: try await archive.nextCounter(now: now), modelID: "ridge-\(hash.prefix(8))", createdAt: now,
                expiresAt: now + Training.lifetime,
                provenance: Provenance(
                    snapshot: hash, codeVersion: Training.codeVersion, seed: 0, configuration: Training.configurationHash(candidate),
                    parent: champion.map { Hexadecimal.text($0.name.sha256) } ?? "", backtest: summary)),
            model: candidate)
        let bytes = try ReleaseSigner(folder: archive.folder).file(release)
        let name = try await archive.promote(bytes, header: release.header, reason: "training run, \(cause): \(summary)", now: now)
        return try await finish(.promoted, summary, name)
    }

    private func championModel() async throws -> (name: ReleaseName, model: ForecastModel)? {
        guard let name = try await reader.releaseName(alias: Archive.champion), let bytes = try await reader.releaseBytes(counter: name.counter)
        else { return nil }
        let signer = try ReleaseSigner(folder: archive.folder)
        let release = try ReleaseIntake.open(
            bytes, ReleaseIntake.Demand(sha256: name.sha256, counterAbove: nil), ReleaseSigner.cryptography(trusting: [signer.publicKey]))
        return (name, release.model)
    }

    /// One model for each grid that has enough data. The hourly one learns from all series, the fine one from fine series.
    /// - Returns: `nil` where no grid has enough.
    @concurrent package static func fit(_ series: [GriddedSeries]) async throws -> ForecastModel? {
        var steps: [StepModel] = []
        for grid in [TimeGrid.fine, .hourly] {
            var training = RidgeTraining(grid: grid)
            let own = grid == .hourly ? series.compactMap { $0.hourly() } : series.filter { $0.grid == grid }
            for one in own {
                try Task.checkCancellation()
                training.fit(one)
            }
            guard training.solve() else { continue }
            for one in own { training.calibrate(one) }
            if let model = training.model() { steps.append(model) }
        }
        return steps.isEmpty ? nil : ForecastModel(steps: steps)
    }

    @concurrent private static func compare(_ series: [GriddedSeries], _ candidate: ForecastModel, _ champion: ForecastModel?) async -> Comparison {
        var comparison = Comparison()
        for one in series { comparison.add(one, candidate: candidate, champion: champion) }
        return comparison
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

    private static func configurationHash(_ model: ForecastModel) -> String {
        let text = model.steps.map { "\($0.grid.step.wholeSeconds): \($0.features.map(\.name).joined(separator: " "))" }.joined(separator: "\n")
        return Hexadecimal.text(SHA256.digest(Array(text.utf8)))
    }
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
