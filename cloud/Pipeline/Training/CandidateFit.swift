internal import Evaluation
internal import Forecasting
internal import Learning
internal import Measures
internal import Observing
internal import Releases
internal import Runtime
internal import Signing
internal import Text

/// Fits a network to each series before its evaluation window.
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
    private static let maximumRows = 80_000  // of all series together, without the rows with a short history; a row takes 1.1 kilobytes

    /// Changes with each change of the program that gives another network for the same data and settings.
    static let codeVersion = "vaho 0.1.0"

    let data: TrainingData
    let threads: [ComputingThread]
    let progress: @Sendable (TrainingProgress) -> Void

    struct Candidate: Sendable {
        let network: Network
        let rows: Int
        let loss: Double  // mean over the last pass
        fileprivate let settings: NetworkTraining.Settings

        /// Parameters and metrics of the training, for the run.
        func figures(_ data: TrainingData, parent: String) -> [(name: String, value: String)] {
            [
                ("train.code_version", CandidateFit.codeVersion), ("train.seed", "\(settings.seed)"), ("train.passes", "\(settings.epochs)"),
                ("train.rate", "\(settings.rate)"), ("train.batch", "\(settings.batch)"), ("train.dropout", "\(settings.dropped)"),
                ("train.hidden_units", "\(network.shape.first)+\(network.shape.second)"), ("train.rows", "\(rows)"),
                ("train.loss", NumberText.fixed(loss, places: 6) ?? ""), ("train.sensors", "\(data.sensors.count)"),
                ("train.sensors_available", "\(data.available)"), ("train.sensors_replayed", "\(data.replayed.count)"), ("train.parent", parent),
            ]
        }
    }

    /// - Parameter start: the network whose weights the fit starts from; `nil` starts from random weights.
    /// - Returns: `nil` if the series have too few rows.
    func candidate(from start: Network?) async throws -> Candidate? {
        let rows = try await rows()
        guard rows.count >= Self.minimumRows else { return nil }
        let settings = start == nil ? Self.settings : Self.fineTuningSettings
        let training = NetworkTraining(rows, settings)
        let (fitted, loss) = try await threads[0].run { [progress] in
            var last = Double.nan
            let network = try training.run(from: start) { pass, loss in
                last = loss
                progress(TrainingProgress(.fitting, pass + 1, of: settings.epochs, loss: loss))
            }
            return (network, last)
        }
        guard var network = fitted else { return nil }
        network.spreads = try await spreads(of: network)
        return Candidate(network: network, rows: rows.count, loss: loss, settings: settings)
    }

    /// The network with its own weights and the intervals of the data.
    func recalibrated(_ network: Network) async throws -> Candidate {
        var network = network
        network.spreads = try await spreads(of: network)
        return Candidate(network: network, rows: 0, loss: .nan, settings: Self.fineTuningSettings)
    }

    /// - Returns: at most about `maximumRows` rows, whatever the fleet's size and history.
    private func rows() async throws -> TrainingRows {
        let count = data.sensors.count
        let sampling = TrainingRows.Sampling(total: Self.maximumRows, series: count)
        var rows = TrainingRows()
        rows.reserve(count * sampling.maximumRows)
        try await data.forEach(of: data.sensors) { series, number in
            var rows = TrainingRows()
            rows.add(series, in: EvaluationWindow(of: series).trainingBins, number: number, sampling: sampling)
            return rows
        } use: { [progress] part, number in
            rows.append(part)
            progress(TrainingProgress(.sampling, number + 1, of: count))
        }
        return rows
    }

    private func spreads(of network: Network) async throws -> [Float] {
        var spreads = InitialSpreads()
        let count = data.replayed.count
        try await data.forEach(of: data.replayed) { series, _ in
            let training = EvaluationWindow(of: series).trainingBins
            let memory = Int(AdaptiveForecaster.memory.ms / series.grid.step.ms)
            return try InitialSpreads.finalSpreads(of: network, on: series, in: max(0, training.upperBound - memory)..<training.upperBound)
        } use: { [progress] final, number in
            spreads.add(final)
            progress(TrainingProgress(.intervals, number + 1, of: count))
        }
        return spreads.medians
    }

    /// The hash of the settings, the limits and the names of the inputs.
    static let configuration: String = {
        let limits = "\(maximumRows) \(TrainingData.maximumSeries) \(TrainingData.maximumReplays)"
        let text = "\(settings) \(fineTuningSettings) \(limits) " + (NetworkInputs.sharedNames + NetworkInputs.leadNames).joined(separator: " ")
        return Hexadecimal.text(SHA256.digest(Array(text.utf8)))
    }()
    /// The same for a network whose intervals only are computed again.
    static let intervalsConfiguration = Hexadecimal.text(SHA256.digest(Array("intervals \(configuration)".utf8)))
}
