package import Measures
internal import Runtime
internal import SQLite
internal import Wire

/// The lives of the store: the epochs of its rows, and the ranges that the cloud holds.
package struct LifeTable {
    private static let maximumLives = 64

    private let database: Connection
    private var saved: [Life]  // the lives as stored in the file
    private var lastAssignedKey: RowKey  // the last assigned key; its row may be uncommitted
    /// The held or undeliverable ranges have changed; the next commit saves the ranges. If a crash loses the change, rows are sent again.
    private(set) var deliveryIsUnsaved = false
    package private(set) var all: [Life]  // oldest first; new rows belong to the last life

    package var current: Life { all[all.count - 1] }
    package var backlog: Int64 { all.reduce(0) { $0 + $1.backlog } }

    /// Reads the file.
    init(_ database: Connection) throws {
        self.database = database
        all = try Self.read(database)
        saved = all
        lastAssignedKey = RowKey(life: all.last?.number ?? 0, sequence: all.last?.last ?? 0)
    }

    // MARK: keys

    /// The next key of the current life.
    mutating func nextKey() -> Int64 {
        lastAssignedKey = RowKey(life: current.number, sequence: lastAssignedKey.sequence + 1)
        return lastAssignedKey.value
    }

    /// Continues after the keys of pending rows.
    /// - Returns: `false` if the rows need new keys, because a life has begun or the file has been replaced since their keys were assigned.
    mutating func resume(after rows: (epoch: Epoch, keys: ClosedRange<Int64>)) -> Bool {
        let (first, last) = (RowKey(rows.keys.lowerBound), RowKey(rows.keys.upperBound))
        guard rows.epoch == current.epoch, first.life == current.number, first.sequence > current.last else { return false }
        lastAssignedKey = max(lastAssignedKey, last)
        return true
    }

    /// Call in the transaction that stores the rows of all assigned keys.
    mutating func markRowsStored() { all[all.count - 1].last = lastAssignedKey.sequence }

    // MARK: changes, inside a transaction

    /// Begins a new epoch for all later rows.
    mutating func begin(reason: String, hasLostCommits: Bool = false) throws {
        let number = Life.number(after: all.last?.number, isCertain: !hasLostCommits)
        let life = Life(number: number, epoch: Epoch(bits: UInt64.random(in: 1...(.max))))
        try Self.insert(life, beganAt: WallClock.now, reason: reason, into: database)
        all.append(life)
        saved.append(life)
        lastAssignedKey = RowKey(life: life.number, sequence: 0)
        try deleteEmptyLives()
    }

    /// Number and epoch are stored twice, in different parts of the file: a damaged page may destroy one copy.
    static func insert(_ life: Life, beganAt: Instant, reason: String, into database: Connection) throws {
        let epoch = Int64(bitPattern: life.epoch.bits)
        try database.run(
            "INSERT INTO life VALUES (?, ?, ?, ?, ?, ?, ?, ?)", life.number, epoch, beganAt.ms, reason, life.last, life.evicted, life.refused,
            RowChecksum.of(life))
        try database.run("INSERT OR REPLACE INTO life_copy VALUES (?, ?)", life.number, epoch)
    }

    /// Changes a life; the commit saves it.
    mutating func update(_ epoch: Epoch, _ change: (inout Life) -> Void) throws {
        let index = try index(of: epoch)
        let before = all[index]
        change(&all[index])
        if all[index].held != before.held || all[index].undeliverable != before.undeliverable { deliveryIsUnsaved = true }
    }

    /// The index of a life in `all`. Throws if a repair has removed the life.
    private func index(of epoch: Epoch) throws -> Int {
        guard let index = all.firstIndex(where: { $0.epoch == epoch }) else { throw StoreFault.unknownEpoch(epoch) }
        return index
    }

    package func life(_ epoch: Epoch) throws -> Life { all[try index(of: epoch)] }

    /// Saves the held ranges with the next commit even if they are unchanged: rows are about to be deleted because the cloud holds them.
    mutating func saveDelivery() { deliveryIsUnsaved = true }

    /// Writes the changed lives. A life is not written if only its `last` has changed: `last` can be computed from the rows, and a commit of rows
    /// then writes only one page.
    mutating func save() throws {
        for life in all {
            let old = saved.first { $0.number == life.number }
            if life.evicted != old?.evicted || life.refused != old?.refused || deliveryIsUnsaved { try save(life) }
            if deliveryIsUnsaved { try DeliveryCoding.save(life, in: database) }
        }
        (saved, deliveryIsUnsaved) = (all, false)
    }

    private func save(_ life: Life) throws {
        try database.run(
            "UPDATE life SET last = ?, evicted = ?, refused = ?, checksum = ? WHERE number = ?", life.last, life.evicted, life.refused,
            RowChecksum.of(life), life.number)
    }

    /// Deletes the oldest lives without rows if there are more than 64 lives: a cloud that always answers `conflict` would make the store create
    /// lives without limit. The numbers of deleted lives are not reused: a new life gets a higher number than the newest life.
    private mutating func deleteEmptyLives() throws {
        var surplus = all.count - Self.maximumLives
        for life in all.dropLast() where surplus > 0 {
            guard life.outstanding.isEmpty, try !hasRows(life.number) else { continue }
            for sql in ["life WHERE number", "delivery WHERE life", "life_copy WHERE number"] {
                try database.run("DELETE FROM \(sql) = ?", life.number)
            }
            all.removeAll { $0.number == life.number }
            // Add the deleted life's totals to the newest life.
            all[all.count - 1].evicted += life.evicted
            all[all.count - 1].refused += life.refused
            surplus -= 1
        }
    }

    private func hasRows(_ number: Int64) throws -> Bool {
        let keys = RowKey.all(life: number)
        return try ["reading", "record"].contains { table in
            var select = try database.prepare("SELECT 1 FROM \(table) WHERE key BETWEEN ? AND ? LIMIT 1", keys.lowerBound, keys.upperBound)
            return try select.step()
        }
    }

    // MARK: reading

    private static func read(_ database: Connection) throws -> [Life] {
        var lives: [Life] = []
        var select = try database.prepare("SELECT number, epoch, last, evicted, refused, checksum FROM life ORDER BY number")
        while try select.step() {
            var life = Life(number: select.integer(0), epoch: Epoch(bits: UInt64(bitPattern: select.integer(1))), last: select.integer(2))
            guard select.integer(5) == RowChecksum.of(life) else { throw DamagedRow(key: life.number) }
            (life.evicted, life.refused) = (select.integer(3), select.integer(4))
            let keys = RowKey.all(life: life.number)
            for table in ["reading", "record"] {
                var newest = try database.prepare("SELECT MAX(key) FROM \(table) WHERE key BETWEEN ? AND ?", keys.lowerBound, keys.upperBound)
                if try newest.step(), let key = newest.optionalInteger(0) { life.last = max(life.last, RowKey(key).sequence) }
            }
            // Damaged ranges are discarded: the rows are sent again, and the cloud compares them with its own.
            if let known = try DeliveryCoding.read(life.number, in: database) { (life.held, life.undeliverable) = known }
            lives.append(life)
        }
        return lives
    }

    /// When the current life began, and why.
    package func currentLifeStart() throws -> (since: Instant, reason: String)? {
        var newest = try database.prepare("SELECT began_at_ms, reason FROM life ORDER BY number DESC LIMIT 1")
        return try newest.step() ? (Instant(ms: newest.integer(0)), newest.text(1)) : nil
    }
}
