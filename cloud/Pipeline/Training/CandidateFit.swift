internal import Evaluation
internal import Forecasting
internal import Learning
internal import Observing
internal import Releases
internal import Runtime
internal import Signing
internal import Text

/// Fits a network to the training part of every series; the comparison uses the rest.
struct CandidateFit: Sendable {
    static let settings = NetworkTraining.Settings()
    /// For a fit that starts from a champion: fewer and smaller steps, so that the network keeps what it has learned from other series.
    private static let fineTuningSettings: NetworkTraining.Settings = {
        var settings = NetworkTraining.Settings()
        settings.epochs = 4
        settings.rate = 0.001
        return settings
    }()
    private static let minimumRows = 100
    private static let maximumRows = 100_000  // of all series together; each row takes 1.7 kilobytes

    let data: TrainingData
    let progress: @Sendable (TrainingProgress) -> Void

    /// - Parameter start: the network whose weights the fit starts from; `nil` starts from random weights.
    /// - Returns: `nil` if the series have too few rows.
    func network(from start: Network?) async throws -> Network? {
        let rowsPerSeries = min(18_000, max(200, Self.maximumRows / max(1, data.sensors.count)))
        let sampling = TrainingRows.Sampling(rowsPerSeries: rowsPerSeries)
        let rows = try await data.reduce(into: TrainingRows()) { rows, series, number in
            rows.add(series, in: Comparison.trainingBins(of: series), number: number, sampling: sampling)
        }
        guard rows.count >= Self.minimumRows else { return nil }
        let settings = start == nil ? Self.settings : Self.fineTuningSettings
        let training = NetworkTraining(rows, settings)
        let fitted = try await data.thread.run { [progress] in
            try training.run(from: start) { epoch, loss in progress(.fitting(epoch + 1, of: settings.epochs, loss: loss)) }
        }
        guard var network = fitted else { return nil }
        let intervals = try await data.reduce(into: InitialSpreads(of: network)) { intervals, series, _ in
            intervals.add(series, in: Comparison.trainingBins(of: series))
        }
        network.spreads = intervals.spreads
        return network
    }

    /// The hash of the settings and of the names of the inputs.
    static func configurationHash() -> String {
        let text = "\(settings) " + (NetworkInputs.sharedNames + NetworkInputs.leadNames).joined(separator: " ")
        return Hexadecimal.text(SHA256.digest(Array(text.utf8)))
    }
}
