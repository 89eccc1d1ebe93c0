internal import Console
internal import Pipeline
internal import Runtime

extension RecordingTraining {
    /// A training on the series in a folder, with the options `--share` and `--without`.
    init(_ folder: String, _ arguments: Arguments) throws {
        let series = SeriesFolder(folder)
        let left = Set((arguments.value("without") ?? "").split(separator: ",").map(String.init))
        self.init(series, names: try series.names(without: left))
        if let share = arguments.value("share") {
            guard let percent = Int(share), (10...100).contains(percent) else {
                throw UsageError("--share=\(share): expected a whole number from 10 to 100")
            }
            self.trainingPercent = percent
        }
    }

    static func printProgress(_ epoch: Int, _ loss: Double) { StandardError.write("pass \(epoch + 1): mean loss \(loss)\n") }
}
