package import Measures
package import Wire

/// A batch with its device and its time of arrival. The readings stay packed.
package struct BatchArrival: Sendable {
    /// How far a reading's time may lie after the reading's arrival. A later time is wrong, so the reading is withheld until a clock correction:
    /// otherwise the reading would stay the newest reading for years.
    static let futureTolerance: Duration = .seconds(86_400)

    package let device: Int64
    package let frame: BatchFrame
    package let receivedAt: Instant
    let malformed: [Int]  // row indices of readings whose time is outside `Instant.valid`
    let boots: ClosedRange<UInt32>
    let newest: Instant?  // the newest time of a reading; readings from the future are left out

    /// - Throws: `BatchRefusal` if a column of the readings is malformed.
    package init(device: Int64, frame: BatchFrame, receivedAt: Instant) throws(BatchRefusal) {
        self.device = device
        self.frame = frame
        self.receivedAt = receivedAt
        var malformed: [Int] = []
        var boots: (first: UInt32, last: UInt32)?
        var newest: Instant?
        let latest = receivedAt + BatchArrival.futureTolerance
        var index = 0
        var records = frame.records[...]
        try frame.forEachReading { _, reading in
            while records.first?.rowIndex == index {
                records = records.dropFirst()
                index += 1
            }
            if !Instant.valid.contains(reading.takenAt) { malformed.append(index) }
            if reading.takenAt <= latest, newest.map({ $0 < reading.takenAt }) ?? true { newest = reading.takenAt }
            boots = (min(boots?.first ?? .max, reading.boot), max(boots?.last ?? 0, reading.boot))
            index += 1
        }
        self.malformed = malformed
        self.newest = newest
        self.boots = boots.map { $0.first...$0.last } ?? 0...0
    }

    package init(device: Int64, batch: Batch, receivedAt: Instant) throws(BatchRefusal) {
        try self.init(device: device, frame: BatchFrame(batch.binary()), receivedAt: receivedAt)
    }
}
