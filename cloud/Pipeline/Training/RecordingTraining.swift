package import Forecasting
package import Learning
package import Measures
internal import Observing
internal import Releases
internal import Signing
internal import Text
internal import TrustedReleases

/// Trains a network on the first part of recorded series: for the release that ships, and for backtests of the training method.
package struct RecordingTraining: Sendable {
    package var trainingPercent = 70  // % of each series, from its start
    package var settings = NetworkTraining.Settings()
    package var sampling = TrainingRows.Sampling()

    private let folder: SeriesFolder
    private let names: [String]

    /// - Parameter names: the names of the series, in the order of the training rows.
    package init(_ folder: SeriesFolder, names: [String]) {
        self.folder = folder
        self.names = names
    }

    package struct Result: Sendable {
        package let network: Network
        package let snapshot: String  // the hash of the training observations
        package let newestAt: Instant  // time of the newest training observation
    }

    /// - Returns: `nil` if the first parts of the series have no observations.
    @concurrent package func run(progress: @Sendable (_ epoch: Int, _ loss: Double) -> Void) async throws -> Result? {
        var rows = TrainingRows()
        var parts: [(series: GriddedSeries, bins: Range<Int>)] = []
        var snapshot = SnapshotHash()
        var newest: Instant?
        for (number, name) in names.enumerated() {
            try Task.checkCancellation()
            let series = try folder.series(named: name)
            let bins = 0..<(series.bins * trainingPercent / 100)
            let learnt = series.observations.prefix { series.bin(of: $0.validAt) < bins.upperBound }
            snapshot.add(name, Array(learnt))
            newest = max(newest ?? Instant(ms: .min), learnt.last?.validAt ?? Instant(ms: .min))
            parts.append((series, bins))
            rows.add(series, in: bins, number: number, sampling: sampling)
        }
        guard let newest, var network = try NetworkTraining(rows, settings).run(progress: progress) else { return nil }
        var spreads = InitialSpreads()
        for part in parts { spreads.add(try InitialSpreads.finalSpreads(of: network, on: part.series, in: part.bins)) }
        network.spreads = spreads.medians
        return Result(network: network, snapshot: snapshot.finish(), newestAt: newest)
    }

    /// The release that ships with the programs: counter 0, unsigned, trusted by its hash. The only time in its header is the time of the
    /// newest observation, so that the same series give the same bytes.
    package func release(of result: Result) throws -> [UInt8] {
        let configuration =
            "share \(trainingPercent), \(settings), \(sampling), " + (NetworkInputs.sharedNames + NetworkInputs.leadNames).joined(separator: " ")
        let release = Release(
            header: ReleaseHeader(
                counter: 0, modelID: "pretrained-\(result.snapshot.prefix(8))", createdAt: result.newestAt, expiresAt: Instant(ms: 4_102_444_800_000),
                provenance: Provenance(
                    snapshot: result.snapshot, codeVersion: CandidateFit.codeVersion, seed: settings.seed,
                    configuration: Hexadecimal.text(SHA256.digest(Array(configuration.utf8))), parent: "",
                    backtest: "the first \(trainingPercent) % of " + names.joined(separator: ", "))),
            network: result.network)
        let bytes = try ReleaseFile.bytes(of: release, sha256: { SHA256.digest($0) }, sign: { _ in [] })
        guard try ReleaseTrust.local.open(bytes) == release else {
            throw InputFileError("the new release", "its bytes decode to a different release")
        }
        return bytes
    }
}
