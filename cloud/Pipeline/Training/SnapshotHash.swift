internal import Measures
internal import Signing
internal import Text

/// The hash of a model's training data: the name and the observations of every series, in order.
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
