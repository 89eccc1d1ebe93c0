import Foundation

/// Benchmarks, and parts of tests, that need a separate program.
@main
struct VahoBench {
    static let usage = """
        usage: vaho-bench ingest --url URL --tokens FOLDER|FILE [--rows 1000] [--batches 2000] [--connections 4] [--sensors 2]
               [--format binary|json] [--air wave|simulated] [--period 60] [--out FILE]
               vaho-bench rows --data FOLDER --out FOLDER [--rows 80000]
               vaho-bench forecast --release FILE --data FOLDER [--rounds 3] [--export FOLDER]
               vaho-bench watch --data FOLDER --peers NAME,NAME,… [--peers …] [--every 14]
               vaho-bench spoil --release FILE --kind mirror|trap --out FILE [--data FOLDER]

        """

    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            switch arguments.first {
            case "ingest": try await IngestLoad(try IngestOptions(Array(arguments.dropFirst()))).run()
            case "rows": try RowExport(try RowOptions(Array(arguments.dropFirst()))).run()
            case "forecast": try ForecastTiming(try ForecastOptions(Array(arguments.dropFirst()))).run()
            case "watch": try WatchSimulation(try WatchOptions(Array(arguments.dropFirst()))).run()
            case "spoil": try SpoiledRelease(SpoilOptions(Array(arguments.dropFirst()))).run()
            default: throw WrongOption(description: "the first word is ingest, rows, forecast, watch or spoil")
            }
        } catch let error as WrongOption {
            FileHandle.standardError.write(Data("\(error)\n\(usage)".utf8))
            exit(2)
        }
    }
}

struct WrongOption: Error, CustomStringConvertible { let description: String }

/// Calls `take` for each `--name value` pair.
func forEachOption(_ arguments: [String], _ take: (_ name: String, _ value: String) throws -> Void) throws {
    var rest = arguments[...]
    while let name = rest.popFirst() {
        guard let value = rest.popFirst() else { throw WrongOption(description: "\(name) needs a value") }
        try take(name, value)
    }
}

func wholeNumber(_ name: String, _ value: String) throws -> Int {
    guard let number = Int(value), number > 0 else { throw WrongOption(description: "\(name) \(value): expected a whole number above 0") }
    return number
}

struct IngestOptions {
    var url = ""
    var tokens = ""  // a folder that has a file DEVICE/token for each device, or a file that has a line "DEVICE TOKEN" for each device
    var rows = 1_000
    var batches = 2_000  // of each connection
    var connections = 4
    var sensors = 2  // number of sensors of each device
    var isJSON = false
    var isSimulated = false  // air with a daily course and weather, different on each device; otherwise a wave
    var periodSeconds = 60  // between two readings of a sensor
    var out: String?  // write the requests to this file, and send none

    init(_ arguments: [String]) throws {
        try forEachOption(arguments) { name, value in
            switch name {
            case "--out": out = value
            case "--air": isSimulated = value == "simulated"
            case "--period": periodSeconds = try wholeNumber(name, value)
            case "--url": url = value
            case "--tokens": tokens = value
            case "--rows": rows = try wholeNumber(name, value)
            case "--batches": batches = try wholeNumber(name, value)
            case "--connections": connections = try wholeNumber(name, value)
            case "--sensors": sensors = try wholeNumber(name, value)
            case "--format": isJSON = value == "json"
            default: throw WrongOption(description: "\(name) is not an option")
            }
        }
        guard !url.isEmpty, !tokens.isEmpty else { throw WrongOption(description: "--url and --tokens are needed") }
    }
}

struct ForecastOptions {
    var release = ""
    var data = ""  // a folder with recordings
    var rounds = 3
    var export: String?

    init(_ arguments: [String]) throws {
        try forEachOption(arguments) { name, value in
            switch name {
            case "--release": release = value
            case "--data": data = value
            case "--rounds": rounds = try wholeNumber(name, value)
            case "--export": export = value
            default: throw WrongOption(description: "\(name) is not an option")
            }
        }
        guard !release.isEmpty, !data.isEmpty else { throw WrongOption(description: "--release and --data are needed") }
    }
}
