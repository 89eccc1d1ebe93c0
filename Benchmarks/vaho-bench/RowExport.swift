import Evaluation
import Forecasting
import Foundation
import Learning
import Pipeline

/// Writes the training rows of recorded series, as `vaho-cloud train` samples them, for another library: 32-bit floats, and their shape as JSON.
struct RowExport {
    let options: RowOptions
    init(_ options: RowOptions) { self.options = options }

    func run() throws {
        let folder = SeriesFolder(options.data)
        let names = try folder.names(without: [])
        let sampling = TrainingRows.Sampling(total: options.rows, series: names.count)
        var rows = TrainingRows()
        for (number, name) in names.enumerated() {
            let series = try folder.series(named: name)
            rows.add(series, in: EvaluationWindow(of: series).trainingBins, number: number, sampling: sampling)
        }
        try FileManager.default.createDirectory(atPath: options.out, withIntermediateDirectories: true)
        for (name, values) in [("shared", rows.shared), ("leads", rows.leads), ("targets", rows.targets), ("weights", rows.weights)] {
            try values.withUnsafeBytes { Data($0) }.write(to: URL(fileURLWithPath: "\(options.out)/\(name).f32"))
        }
        let hours = NetworkInputs.knots.map { String(Double($0.components.seconds) / 3_600) }.joined(separator: ", ")
        let shape = "{\"rows\": \(rows.count), \"knot_hours\": [\(hours)], \"lead_inputs\": \(NetworkInputs.leadNames.count)}"
        try shape.write(toFile: "\(options.out)/shape.json", atomically: true, encoding: .utf8)
        print("rows=\(rows.count) series=\(names.count)")
    }
}

struct RowOptions {
    var data = ""  // a folder with recordings
    var out = ""
    var rows = 80_000

    init(_ arguments: [String]) throws {
        try forEachOption(arguments) { name, value in
            switch name {
            case "--data": data = value
            case "--out": out = value
            case "--rows": rows = try wholeNumber(name, value)
            default: throw WrongOption(description: "\(name) is not an option")
            }
        }
        guard !data.isEmpty, !out.isEmpty else { throw WrongOption(description: "--data and --out are needed") }
    }
}
