internal import Measures
internal import Runtime
internal import SQLite
internal import Wire

/// Recovers the store when its disk or its file fails.
extension ReadingStore {
    /// Opens the store according to the result of `StoreFile.find`. A disk failure does not throw: the store then keeps rows in memory until
    /// `retryDisk` succeeds.
    func open(_ finding: StoreFile.Finding) throws {
        switch finding {
        case .ready(let found, let hasLostCommits):
            do {
                try replaceTables(found)
                try begin(hasLostCommits: hasLostCommits)
            } catch let error where StoreFile.isDamage(error) {
                return try repair("\(error)", copyingRowsFrom: found)
            } catch let error as SQLiteError where error.isRetryable {
                return try useMemory("\(error)")
            }
            guard hasLostCommits else { return }
            log(.error, "store's write-ahead log is damaged: its last commits are lost", ["store": path])
            var report = StoreMerge.Report()
            report.readings = tables.log.readingCount
            do {
                try commit { tables in
                    // The lost rows may have been sent under the sequences that come next, so a new epoch must begin.
                    try tables.begin(reason: "the write-ahead log was damaged", hasLostCommits: true)
                    try tables.insertLost(report)
                }
                logReplaced(report)
            } catch let error as SQLiteError where error.isRetryable {
                try useMemory("\(error)")
            }
        case .older(let found):
            do { try rebuild(reason: nil, backupLabel: nil, copyingRowsFrom: found) } catch { try repair("\(error)", copyingRowsFrom: found) }
        case .newer(let version, let found):
            log(.error, "store was written by a newer vaho-edge: file renamed, new store created", ["schema": version, "known": StoreSchema.version])
            try rebuild(reason: "the store was written by a newer vaho-edge", backupLabel: "newer-v\(version)", copyingRowsFrom: found)
        case .damaged(let found, let reason): try repair(reason, copyingRowsFrom: found)
        case .diskFailure(let reason): try useMemory(reason)
        }
    }

    private static let fingerprint = "fingerprint"

    /// Begins a life if there is none yet, or if the store was last used on another host.
    private func begin(hasLostCommits: Bool = false) throws {
        let known = try tables.meta.value(Self.fingerprint)
        guard lives.isEmpty || known != host.fingerprint else { return }
        let isNew = lives.isEmpty
        try commit { [host] tables in
            if isNew {
                try tables.begin(reason: "the store was made", hasLostCommits: hasLostCommits)
            } else {
                try tables.begin(reason: "the store was found on another host")
            }
            try tables.meta.set(Self.fingerprint, host.fingerprint)
        }
        if !isNew { log(.warning, "store found on another host: new epoch", ["epoch": tables.lives.current.epoch]) }
    }

    // MARK: repair

    private func repair(_ reason: String, copyingRowsFrom source: Connection?) throws {
        log(.error, "store is damaged: copying readable rows into a new store", ["store": path, "error": reason])
        try rebuild(reason: "the store was damaged", backupLabel: "damaged", copyingRowsFrom: source)
    }

    /// Writes a new store with the rows of `source`, and replaces the file with the new store.
    /// - Parameters:
    ///   - reason: why a new life begins; `nil`: the last life continues, unless rows turn out to be missing.
    ///   - backupLabel: a word in the backup name of the old file. `nil` deletes the old file, and damage is then an error.
    private func rebuild(reason: String?, backupLabel: String?, copyingRowsFrom source: Connection?) throws {
        let (old, known, isDamaged) = (tables, lives, backupLabel == "damaged")
        (walIsSuspect, isRepairing) = (false, true)
        defer { isRepairing = false }
        tables.pending = PendingRows()  // store pending rows only in the final file: the repaired file may still be deleted
        do {
            var target: Connection? = try StoreFile.beginRepair(of: path)
            guard let repaired = target else { return }
            var report = StoreMerge.Report(known: known)
            if let source { try StoreMerge(target: repaired).merge(from: source, skipsDamage: backupLabel != nil, &report) }
            if isDamaged { try salvage(into: repaired, &report) }
            try replaceTables(repaired)
            if let reason = reason ?? (report.isIncomplete ? "rows of the file that was open could not be read" : nil) {
                try commit { tables in
                    try tables.begin(reason: reason, hasLostCommits: isDamaged || report.isIncomplete)
                    try tables.insertLost(report)
                }
                logReplaced(report)
            }
            try begin()
            try commit { try $0.registerMissingSensors() }
            try StoreFile.completeRepair(repaired, of: path, backupLabel: backupLabel)
            target = nil
        } catch {
            tables = old
            guard backupLabel != nil || (error as? SQLiteError)?.isRetryable == true else { throw error }
            // Usually the disk has no room for the repaired file. The old file stays unchanged, and `retryDisk` tries to open it again
            // later.
            if backupLabel == "replaced" { detached = detached ?? old }
            return try useMemory("\(error)")
        }
        do {
            try replaceTables(StoreFile.memory())  // closes the file before the rename
            try StoreFile.finishRepair(of: path)
            try replaceTables(StoreFile.connection(path))
            memoryOnly = nil
            tables.pending = old.pending
        } catch {
            tables.pending = old.pending
            // The repaired file is complete: the next `retryDisk` moves it to the store's path.
            try useMemory("\(error)")
        }
    }

    /// Adds rows from pages that the B-trees of the damaged file do not reference.
    private func salvage(into target: Connection, _ report: inout StoreMerge.Report) throws {
        defer { StoreFile.deleteSalvage(of: path) }
        try StoreMerge(target: target).merge(from: StoreFile.salvage(of: path), skipsDamage: true, &report)
    }

    /// Handles an open store file that is no longer at its path: the file was deleted, or another file is there (a disk that was disconnected
    /// and mounted again, a copy restored by hand).
    private func recoverMovedFile() throws {
        // The write-ahead log beside the path belongs to the open file. If the open file can still be written, move the content of the log into it.
        try? database.checkpoint()
        StoreFile.deleteForeignLog(of: path)
        guard Files.exists(path) else {
            log(.error, "store file was deleted: writing it again from the open file", ["store": path])
            return try rebuild(reason: nil, backupLabel: "replaced", copyingRowsFrom: database)
        }
        log(.error, "store file was replaced: using the new file and merging the rows of the open one", ["store": path])
        walIsSuspect = false
        detached = detached ?? tables
        do {
            // Rows that the new file lacks are not lost: they are merged from the detached tables.
            tables = try StoreTables(StoreFile.memory(), after: tables)
            try self.open(StoreFile.find(path))
            if memoryOnly == nil { try mergeDetached() }
        } catch {
            try useMemory("\(error)")
        }
    }

    /// Merges the rows of the tables that were open when their file or disk disappeared.
    private func mergeDetached() throws {
        guard let detached else { return }
        var report = StoreMerge.Report(known: detached.lives.all)
        report.mergesDelivery = true
        try StoreMerge(target: database).merge(from: detached.database, skipsDamage: true, &report)
        try replaceTables(database)
        if report.isIncomplete {
            try commit { tables in
                try tables.begin(reason: "rows of the file that was open could not be read", hasLostCommits: true)
                try tables.insertLost(report)
            }
            logReplaced(report)
        }
        self.detached = nil
        try commit { try $0.registerMissingSensors() }
    }

    private func logReplaced(_ report: StoreMerge.Report) {
        log(
            .error, "store replaced",
            [
                "readings_saved": report.readings, "rows_lost": report.lost.reduce(0) { $0 + $1.sequences.count },
                "epoch": tables.lives.current.epoch,
            ])
    }

    /// Runs an operation on the database. If the file turns out to be damaged or missing, repairs the store and runs the operation once more.
    func withRepair<Result>(writes: Bool = false, _ body: () throws -> Result) throws -> Result {
        func skipsRepair() -> Bool { memoryOnly != nil || isRepairing || path == ":memory:" || database.isReadOnly }
        if !skipsRepair(), database.hasMoved { try recoverMovedFile() }
        guard !skipsRepair() else { return try body() }
        do {
            if writes, walIsSuspect { try checkpointSuspectLog() }
            return try body()
        } catch let error where StoreFile.isDamage(error) {
            try repair("\(error)", copyingRowsFrom: database)
            return try body()
        } catch let error as SQLiteError where error.needsReopen {
            walIsSuspect = true
            throw error
        }
    }

    /// Moves the whole write-ahead log into the file and empties the log. After a failed write or fsync the kernel's copy of the
    /// log may differ from the disk, and no later fsync reports the difference: a commit after the differing place is lost at a power cut.
    ///
    /// Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020.
    private func checkpointSuspectLog() throws {
        // While another process reads, the log cannot be emptied. Wait only 100 ms: rows stay pending in memory meanwhile.
        let hasty = try StoreFile.connection(path, busyTimeoutMs: 100)
        try hasty.checkpoint()
        try replaceTables(StoreFile.connection(path))
        walIsSuspect = false
    }

    /// Checks every page of the file, and repairs the store if a page is damaged.
    package func checkIntegrity() throws {
        try withRepair {
            var check = try database.prepare("PRAGMA quick_check(1)")
            guard try check.step(), check.text(0) == "ok" else { throw DamagedRow(key: 0) }
        }
    }

    // MARK: memory only

    private func useMemory(_ reason: String) throws {
        log(.error, "store cannot be used: readings are kept in memory and sent from there", ["error": reason])
        (memoryOnly, walIsSuspect) = (reason, false)
        try replaceTables(StoreFile.memory())
        try commit { tables in
            try tables.begin(reason: "the disk could not be used: rows in memory only")
            try tables.registerMissingSensors()
        }
    }

    /// Opens the file again if the disk works, and moves the rows from memory to the file.
    package func retryDisk() throws {
        guard memoryOnly != nil else { return }
        let memory = tables
        let finding = StoreFile.find(path)
        if case .diskFailure(let reason) = finding { return memoryOnly = reason }
        do {
            memoryOnly = nil
            try open(finding)
            if let memoryOnly { throw StoreFault.memoryOnly(reason: memoryOnly) }
            try mergeDetached()
            var report = StoreMerge.Report()
            try StoreMerge(target: database).merge(from: memory.database, skipsDamage: false, &report)
        } catch {
            let pending = tables.pending  // without rows that were stored on the disk
            (tables, memoryOnly) = (memory, "\(error)")  // the next call retries
            tables.pending = pending
            return
        }
        try replaceTables(database)
        try commit { try $0.registerMissingSensors() }
        log(.info, "store writes to the disk again", ["epoch": tables.lives.current.epoch, "rows": tables.lives.current.last])
    }
}

extension StoreTables {
    /// Adds holes for rows of a damaged store that could not be read. Only inside a transaction.
    fileprivate mutating func insertLost(_ report: StoreMerge.Report) throws {
        for lost in report.lost {
            try insert(
                .hole(
                    Hole(
                        sensor: nil, reason: .storeRepaired, from: lost.from, to: lost.to, count: Int64(lost.sequences.count),
                        sequences: lost.sequences, epoch: lost.epoch)))
            if lives.all.contains(where: { $0.epoch == lost.epoch }) { try lives.update(lost.epoch) { $0.undeliverable.insert(lost.sequences) } }
        }
        guard report.lost.isEmpty || report.unidentified > 0 else { return }
        // Rows at the very end of the log may also be missing, and some rows belong to an unknown life or sensor.
        let now = WallClock.now
        let newest = log.newest.values.map(\.takenAt).max() ?? now
        try insert(.hole(Hole(sensor: nil, reason: .storeRepaired, from: min(newest, now), to: now, count: report.unidentified)))
    }
}
