internal import Measures
internal import Runtime
internal import SQLite
internal import Wire

/// How the store goes on when its disk or its file does not.
extension ReadingStore {
    /// Opens what there is of the file. It does not throw for what a disk can do: then memory must serve for a while.
    func open(_ finding: StoreFile.Finding) throws {
        switch finding {
        case .ready(let found, let hasLostCommits):
            do {
                try use(found)
                try begin(hasLostCommits: hasLostCommits)
            } catch let error where StoreFile.isDamage(error) {
                return try repair("\(error)", takingRowsOf: found)
            } catch let error as SQLiteError where error.isRetryable {
                return try useMemory("\(error)")
            }
            guard hasLostCommits else { return }
            log(.error, "store's write-ahead log is damaged: its last commits are lost", ["store": path])
            var report = StoreMerge.Report()
            report.readings = tables.log.readingCount
            do {
                try commit { tables in
                    // What is lost may have been sent under the next names.
                    try tables.begin(reason: "the write-ahead log was damaged", hasLostCommits: true)
                    try tables.insertLost(report)
                }
                logReplaced(report)
            } catch let error as SQLiteError where error.isRetryable {
                try useMemory("\(error)")
            }
        case .older(let found):
            do { try rebuild(reason: nil, aside: nil, takingRowsOf: found) } catch { try repair("\(error)", takingRowsOf: found) }
        case .newer(let version, let found):
            log(.error, "store is of a newer vaho-edge: set aside, a new one is made", ["schema": version, "known": StoreSchema.version])
            try rebuild(reason: "the store was of a newer vaho-edge", aside: "newer-v\(version)", takingRowsOf: found)
        case .damaged(let found, let why): try repair(why, takingRowsOf: found)
        case .trouble(let why): try useMemory(why)
        }
    }

    private static let fingerprint = "fingerprint"

    /// Begins a life where there is none yet, or where the store has come to another host.
    private func begin(hasLostCommits: Bool = false) throws {
        let known = try tables.facts.value(Self.fingerprint)
        guard lives.isEmpty || known != host.fingerprint else { return }
        let isNew = lives.isEmpty
        try commit { [host] tables in
            if isNew {
                try tables.begin(reason: "the store was made", hasLostCommits: hasLostCommits)
            } else {
                try tables.begin(reason: "the store was found on another host")
            }
            try tables.facts.set(Self.fingerprint, host.fingerprint)
        }
        if !isNew { log(.warning, "store found on another host: new epoch", ["epoch": tables.lives.current.epoch]) }
    }

    // MARK: repair

    private func repair(_ why: String, takingRowsOf source: Connection?) throws {
        log(.error, "store is damaged: what can be read is saved into a new one", ["store": path, "error": why])
        try rebuild(reason: "the store was damaged", aside: "damaged", takingRowsOf: source)
    }

    /// Writes a new store with the rows of the open one, and puts it into its place.
    /// - Parameters:
    ///   - reason: of a new life; `nil`: the last one goes on, unless something turns out to be missing.
    ///   - aside: what the old file is called then; `nil` deletes it, and damage is an error.
    private func rebuild(reason: String?, aside: String?, takingRowsOf source: Connection?) throws {
        let (old, known, isDamaged) = (tables, lives, aside == "damaged")
        (walIsSuspect, isRepairing) = (false, true)
        defer { isRepairing = false }
        tables.pending = PendingRows()  // rows that wait are for the file that comes out of this, not for one that may be dropped
        do {
            var target: Connection? = try StoreFile.beginRepair(of: path)
            guard let made = target else { return }
            var report = StoreMerge.Report(known: known)
            if let source { try StoreMerge(target: made).take(from: source, isTolerant: aside != nil, &report) }
            if isDamaged { try salvage(into: made, &report) }
            try use(made)
            if let reason = reason ?? (report.isIncomplete ? "rows of the file that was open could not be read" : nil) {
                try commit { tables in
                    try tables.begin(reason: reason, hasLostCommits: isDamaged || report.isIncomplete)
                    try tables.insertLost(report)
                }
                logReplaced(report)
            }
            try begin()
            try commit { try $0.registerAgain() }
            try StoreFile.completeRepair(made, of: path, aside: aside)
            target = nil
        } catch {
            tables = old
            guard aside != nil || (error as? SQLiteError)?.isRetryable == true else { throw error }
            // No room to repair it, mostly. The old file stays as it is and is looked at again later.
            if aside == "replaced" { detached = detached ?? old }
            return try useMemory("\(error)")
        }
        do {
            try use(StoreFile.memory())  // closes the file before it is renamed
            try StoreFile.finishRepair(of: path)
            try use(StoreFile.connection(path))
            memoryOnly = nil
            tables.pending = old.pending
        } catch {
            tables.pending = old.pending
            // The repaired file is whole: the next look puts it into its place.
            try useMemory("\(error)")
        }
    }

    /// Adds what the pages of the damaged file hold beside what its trees led to.
    private func salvage(into target: Connection, _ report: inout StoreMerge.Report) throws {
        defer { StoreFile.dropSalvage(of: path) }
        try StoreMerge(target: target).take(from: StoreFile.salvage(of: path), isTolerant: true, &report)
    }

    /// The file is not in its place any more: deleted, or another one lies there: a disk that fell off and was mounted again,
    /// a copy put back by hand.
    private func followFile() throws {
        // The log beside it belongs to the open file, if that can still be written: all of it goes where it belongs.
        try? database.checkpoint()
        StoreFile.dropForeignLog(of: path)
        guard Files.exists(path) else {
            log(.error, "store file is gone from its place: written anew from what is open", ["store": path])
            return try rebuild(reason: nil, aside: "replaced", takingRowsOf: database)
        }
        log(.error, "another store file is in its place: that one is used, with the rows of the one that was open", ["store": path])
        walIsSuspect = false
        detached = detached ?? tables
        do {
            // What the file in its place lacks is no loss: it comes from the detached one.
            tables = try StoreTables(StoreFile.memory(), after: tables)
            try self.open(StoreFile.find(path))
            if memoryOnly == nil { try takeDetached() }
        } catch {
            try useMemory("\(error)")
        }
    }

    /// Takes over the rows of what was open when its file or its disk went.
    private func takeDetached() throws {
        guard let detached else { return }
        var report = StoreMerge.Report(known: detached.lives.all)
        report.unitesDelivery = true
        try StoreMerge(target: database).take(from: detached.database, isTolerant: true, &report)
        try use(database)
        if report.isIncomplete {
            try commit { tables in
                try tables.begin(reason: "rows of the file that was open could not be read", hasLostCommits: true)
                try tables.insertLost(report)
            }
            logReplaced(report)
        }
        self.detached = nil
        try commit { try $0.registerAgain() }
    }

    private func logReplaced(_ report: StoreMerge.Report) {
        log(
            .error, "store replaced",
            [
                "readings_saved": report.readings, "rows_lost": report.lost.reduce(0) { $0 + $1.sequences.count },
                "epoch": tables.lives.current.epoch,
            ])
    }

    /// Runs a use of the database; where the file turns out to be damaged or gone, repairs it and tries once more.
    func guarded<Result>(writes: Bool = false, _ body: () throws -> Result) throws -> Result {
        func isLeftAlone() -> Bool { memoryOnly != nil || isRepairing || path == ":memory:" || database.isReadOnly }
        if !isLeftAlone(), database.hasMoved { try followFile() }
        guard !isLeftAlone() else { return try body() }
        do {
            if writes, walIsSuspect { try emptySuspectLog() }
            return try body()
        } catch let error where StoreFile.isDamage(error) {
            try repair("\(error)", takingRowsOf: database)
            return try body()
        } catch let error as SQLiteError where error.wantsReopening {
            walIsSuspect = true
            throw error
        }
    }

    /// After a failed write or fsync the kernel's copy of the write-ahead log may differ from the disk's, and no later fsync says
    /// so: a commit behind such a place is lost with the power. So all of the log goes into the file, and it begins anew.
    ///
    /// Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020.
    private func emptySuspectLog() throws {
        // While another process reads, the log must stay as it is: rows wait in memory, and this is not waited for.
        let hasty = try StoreFile.connection(path, busyTimeoutMs: 100)
        try hasty.checkpoint()
        try use(StoreFile.connection(path))
        walIsSuspect = false
    }

    /// Looks at every page of the file.
    package func examine() throws {
        try guarded {
            var check = try database.prepare("PRAGMA quick_check(1)")
            guard try check.step(), check.text(0) == "ok" else { throw DamagedRow(key: 0) }
        }
    }

    // MARK: memory only

    private func useMemory(_ why: String) throws {
        log(.error, "store cannot be used: readings are kept in memory and sent from there", ["error": why])
        (memoryOnly, walIsSuspect) = (why, false)
        try use(StoreFile.memory())
        try commit { tables in
            try tables.begin(reason: "only memory to write to")
            try tables.registerAgain()
        }
    }

    /// Looks whether the disk is well again, and moves to it what memory holds.
    package func leaveMemory() throws {
        guard memoryOnly != nil else { return }
        let memory = tables
        let finding = StoreFile.find(path)
        if case .trouble(let why) = finding { return memoryOnly = why }
        do {
            memoryOnly = nil
            try open(finding)
            if let memoryOnly { throw StoreFault(memoryOnly) }
            try takeDetached()
            var report = StoreMerge.Report()
            try StoreMerge(target: database).take(from: memory.database, isTolerant: false, &report)
        } catch {
            let pending = tables.pending  // without rows that were stored on the disk
            (tables, memoryOnly) = (memory, "\(error)")  // the next look tries again
            tables.pending = pending
            return
        }
        try use(database)
        try commit { try $0.registerAgain() }
        log(.info, "store takes readings again", ["epoch": tables.lives.current.epoch, "rows": tables.lives.current.last])
    }
}

extension StoreTables {
    /// What could not be read of a damaged store, as holes. Only inside a transaction.
    fileprivate mutating func insertLost(_ report: StoreMerge.Report) throws {
        for lost in report.lost {
            try insert(
                .hole(
                    Hole(
                        sensor: nil, reason: .storeRepaired, from: lost.from, to: lost.to, count: Int64(lost.sequences.count),
                        sequences: lost.sequences, epoch: lost.epoch)))
            if lives.all.contains(where: { $0.epoch == lost.epoch }) { try lives.update(lost.epoch) { $0.gone.insert(lost.sequences) } }
        }
        guard report.lost.isEmpty || report.unnamed > 0 else { return }
        // Rows at the very end of the log may be missing too, and of some nobody can say whose they are.
        let now = LabelClock.wallClock
        let newest = log.newest.values.map(\.takenAt).max() ?? now
        try insert(.hole(Hole(sensor: nil, reason: .storeRepaired, from: min(newest, now), to: now, count: report.unnamed)))
    }
}
