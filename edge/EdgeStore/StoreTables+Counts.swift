package import Measures
internal import SQLite

/// Totals, for status, metrics and the report to the cloud.
package struct StoreCounts: Sendable {
    package var readings: Int64 = 0
    package var backlog: Int64 = 0  // rows not yet acknowledged by the cloud
    package var evicted: Int64 = 0
    package var refused: Int64 = 0
    package var bytes: Int64 = 0
    package var epoch: (name: Epoch, since: Instant, reason: String)?  // the current epoch
    package var epochs = 0
    package var memoryOnly: String?  // why rows are kept in memory only; nil: rows are written to the disk
    package var unstored = 0  // readings in memory only because the last commit failed

    package init() {}
}

extension StoreTables {
    func counts() throws -> StoreCounts {
        var counts = StoreCounts()
        counts.readings = log.readingCount
        for life in lives.all {
            counts.backlog += life.backlog
            counts.evicted += life.evicted
            counts.refused += life.refused
        }
        counts.bytes = (try database.integer("PRAGMA page_count") ?? 0) * (try database.integer("PRAGMA page_size") ?? 0)
        counts.epochs = lives.all.count
        if let life = lives.all.last, let (since, reason) = try lives.currentLifeStart() { counts.epoch = (life.epoch, since, reason) }
        return counts
    }
}
