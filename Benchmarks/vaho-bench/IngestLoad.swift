import Foundation
import HTTPClient
import Measures
import Simulation
import Wire

/// Measures the cloud's ingest rate. Each connection sends batches of its own devices, in turn. All batches are built before the measurement.
struct IngestLoad {
    let options: IngestOptions
    init(_ options: IngestOptions) { self.options = options }

    private struct Device {
        let name: String
        let token: String
        let epoch: Epoch
        let air: SimulatedAir
        var next: Int64 = 1
    }

    func run() async throws {
        let devices = try tokens().enumerated().map { number, device in
            Device(
                name: device.name, token: device.token, epoch: Epoch(bits: .random(in: 1...(.max))),
                air: SimulatedAir(number % 2 == 0 ? .room : .outdoor, seed: UInt64(number)))
        }
        guard devices.count >= options.connections else { throw WrongOption(description: "at least \(options.connections) devices are needed") }
        let plans = (0..<options.connections).map { connection in
            requests(of: stride(from: connection, to: devices.count, by: options.connections).map { devices[$0] })
        }
        if let out = options.out { return try write(plans, to: out) }
        let bytes = plans.joined().reduce(0) { $0 + $1.body.count }
        let started = ContinuousClock.now
        let refused = await withTaskGroup(of: Int.self) { group in
            for plan in plans {
                group.addTask {
                    var refused = 0
                    let client = HTTPClient(settings: HTTPClient.Settings(userAgent: "vaho-bench"))
                    for request in plan {
                        let status = (try? await client.send(request))?.status
                        if status != 200 { refused += 1 }
                    }
                    return refused
                }
            }
            return await group.reduce(0, +)
        }
        let took = started.duration(to: .now).components
        let seconds = Double(took.seconds) + Double(took.attoseconds) / 1e18
        let sent = plans.reduce(0) { $0 + $1.count } - refused
        let readings = sent * options.rows
        print(
            "batches=\(sent) refused=\(refused) rows_a_batch=\(options.rows) seconds=\(String(format: "%.2f", seconds)) "
                + "readings_per_second=\(Int(Double(readings) / seconds)) bytes_per_reading=\(String(format: "%.2f", Double(bytes) / Double(readings)))"
        )
    }

    private func tokens() throws -> [(name: String, token: String)] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: options.tokens, isDirectory: &isFolder) else {
            throw WrongOption(description: "--tokens \(options.tokens) does not exist")
        }
        guard isFolder.boolValue else {
            return try String(contentsOfFile: options.tokens, encoding: .utf8).split(separator: "\n").map { line in
                let words = line.split(separator: " ").map(String.init)
                guard words.count == 2 else { throw WrongOption(description: "\(options.tokens): expected DEVICE TOKEN on each line") }
                return (words[0], words[1])
            }
        }
        return try FileManager.default.contentsOfDirectory(atPath: options.tokens).sorted().compactMap { name in
            let path = "\(options.tokens)/\(name)/token"
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            return (name, try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }

    /// Writes the bytes of the requests to a file, for another load generator. Before each request the file has its length: 4 bytes, little-endian.
    private func write(_ plans: [[HTTPClient.Request]], to path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil) else { throw WrongOption(description: "--out \(path) cannot be created") }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        let host = options.url.replacingOccurrences(of: "http://", with: "")
        for index in 0..<options.batches {
            for plan in plans {
                let request = plan[index]
                var head = "POST \(request.url.dropFirst(options.url.count)) HTTP/1.1\r\nHost: \(host)\r\n"
                for (name, value) in request.headers { head += "\(name): \(value)\r\n" }
                head += "Content-Length: \(request.body.count)\r\n\r\n"
                let bytes = Array(head.utf8) + request.body
                try file.write(contentsOf: withUnsafeBytes(of: UInt32(bytes.count).littleEndian) { Data($0) } + Data(bytes))
            }
        }
        try file.close()
    }

    private func requests(of devices: [Device]) -> [HTTPClient.Request] {
        var devices = devices
        return (0..<options.batches).map { index in
            let deviceIndex = index % devices.count
            let body = body(&devices[deviceIndex])
            return HTTPClient.Request(
                method: "POST", url: "\(options.url)/v1/devices/\(devices[deviceIndex].name)/batches",
                headers: [
                    ("Authorization", "Bearer \(devices[deviceIndex].token)"),
                    ("Content-Type", options.isJSON ? "application/json" : BatchFormat.mediaType),
                    ("Accept", BatchAcknowledgement.mediaType),
                ], body: body)
        }
    }

    /// Makes one reading for each sensor and period. The humidity changes as in a room.
    private func body(_ device: inout Device) -> [UInt8] {
        let sensors = (0..<options.sensors).compactMap { SensorName("room\($0)") }
        let rows = (0..<options.rows).map { index in
            let sequence = device.next + Int64(index)
            return Batch.Row.reading(sensor: Int(sequence % Int64(options.sensors)), reading(sequence, device.air))
        }
        let batch = Batch(epoch: device.epoch, first: device.next, sensors: sensors, rows: rows)
        device.next += Int64(options.rows)
        return options.isJSON ? batch.json() : batch.binary()
    }

    private func reading(_ sequence: Int64, _ air: SimulatedAir) -> Reading {
        let boottimeMs = sequence / Int64(options.sensors) * Int64(options.periodSeconds) * 1_000 + sequence % 5
        let takenAt = Instant(ms: 1_700_000_000_000 + boottimeMs)
        let (humidity, temperature): (Int32, Int32)
        if options.isSimulated {
            let air = air.air(at: takenAt)
            (humidity, temperature) = (Int32(air.humidity.percent * 1_000), Int32(air.temperature.celsius * 1_000))
        } else {
            let wave = Int64(sin(Double(sequence) / 300) * 8_000) + sequence &* 7_919 % 61
            (humidity, temperature) = (Int32(45_000 + wave), Int32(20_000 + wave / 3))
        }
        return Reading(takenAt: takenAt, humidityMpct: humidity, temperatureMc: temperature, boot: 77, boottimeMs: boottimeMs)
    }
}
