internal import Console
internal import Forecasting
internal import Pipeline
internal import Releases
internal import Runtime
internal import TrustedReleases

/// The method that makes the forecasts of a backtest, selected by the options.
struct BacktestMethod {
    let description: String
    let network: Network?  // `nil`: the damped anomaly

    static let options = [
        Arguments.Option("local", "forecast without a release: the damped anomaly and what the device learns from its own data (default)"),
        Arguments.Option("pretrained", "forecast with the shipped release and what the device learns, as on the edge"),
        Arguments.Option("release", value: "FILE", "forecast with this release and what the device learns"),
        Arguments.Option("trained-on", value: "FOLDER", "forecast with a network that is trained on the first part of the series in this folder"),
        Arguments.Option("share", value: "PERCENT", "the part of each series that --trained-on uses, from its start (default 70)"),
        Arguments.Option("without", value: "LIST", "series that --trained-on does not use"),
    ]

    init(_ arguments: Arguments) async throws {
        let methods = ["local", "pretrained", "release", "trained-on"].filter { arguments.hasFlag($0) || arguments.value($0) != nil }
        guard methods.count < 2 else { throw UsageError("--\(methods.joined(separator: " and --")): choose only one of these options") }
        switch methods.first {
        case "pretrained":
            guard let shipped = try CloudSettings.read(arguments).pretrained() else {
                throw CommandFailure("\(ShippedRelease.fileName) is not in the program's folder: set VAHO_PRETRAINED_FILE or use --release")
            }
            (description, network) = ("The shipped release, and what the device learns", shipped.network)
        case "release":
            let path = arguments.value("release") ?? ""
            (description, network) = ("The release \(path), and what the device learns", try BacktestMethod.release(path))
        case "trained-on":
            let folder = arguments.value("trained-on") ?? ""
            let training = try RecordingTraining(folder, arguments)
            description = "A network trained on the first \(training.trainingPercent) % of the series in \(folder), and what the device learns"
            network = try await training.run(progress: RecordingTraining.printProgress)?.network
        default: (description, network) = ("The damped anomaly, and what the device learns", nil)
        }
    }

    private static func release(_ path: String) throws -> Network {
        let bytes = try Files.read(path, limit: ReleaseFile.limit)
        // A backtest accepts any release: the signature matters only on devices.
        do {
            return try ReleaseTrust.local.open(bytes).network
        } catch { throw CommandFailure("\(path): \(error)") }
    }
}
