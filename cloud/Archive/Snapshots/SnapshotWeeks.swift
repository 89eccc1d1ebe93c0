internal import Bytes
internal import Signing
internal import Text

/// The weeks of one sensor in a snapshot.
package struct SnapshotWeeks: Sendable, Equatable {
    package struct Week: Sendable, Equatable {
        package let week: Int64
        package let observations: Int64
        package let sha256: String  // of the packed observations
    }

    package var weeks: [Week] = []  // in order of time

    package var observations: Int64 { weeks.reduce(0) { $0 + $1.observations } }

    init() {}

    /// For each week: the distance from the week before, the number of observations, the hash.
    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: 36 * weeks.count)
        var last: Int64 = 0
        for week in weeks {
            writer.zigzag(week.week - last)
            last = week.week
            writer.varint(UInt64(week.observations))
            writer.raw(Hexadecimal.bytes(week.sha256) ?? [])
        }
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws {
        var reader = ByteReader(bytes)
        var last: Int64 = 0
        while reader.remaining > 0 {
            last &+= try reader.zigzag()
            let count = try reader.count(upTo: PackedWeek.maximumObservations)
            weeks.append(Week(week: last, observations: Int64(count), sha256: Hexadecimal.text(Array(try reader.raw(32)))))
        }
    }

    /// Identifies the observations of the sensor: the hash of the weeks and their hashes.
    var sha256: String { Hexadecimal.text(SHA256.digest(bytes)) }

    /// The number of weeks whose content differs.
    package func differences(from other: SnapshotWeeks) -> Int {
        let others = Dictionary(other.weeks.map { ($0.week, $0.sha256) }) { first, _ in first }
        let mine = Set(weeks.map(\.week))
        return weeks.count { others[$0.week] != $0.sha256 } + other.weeks.count { !mine.contains($0.week) }
    }
}
