internal import Measures

/// Identifies a bin in the tables `observation_bin` and `inexact_bin`.
struct BinKey: Sendable, Hashable {
    let device: Int64
    let sensor: Int64
    let validAt: Instant

    var columns: [DatabaseValue] { [.integer(device), .integer(sensor), .integer(validAt.ms)] }
}
