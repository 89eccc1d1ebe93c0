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
            database = found
            do {
                try readAll()
                try begin(hasLostCommits: hasLostCommits)
            } catch let error where StoreFile.isDamage(error) {
                return try repair("\(error)")
            } catch let error as SQLiteError where error.isRetryable {
                return try takeRefuge("\(error)")
            }
            guard hasLostCommits else { return }
            log(.error, "store's write-ahead log is damaged: its last commits are lost", ["store": path])
            var report = StoreMerge.Report()
            report.readings = readingCount
            do {
                try commit {
                    // What is lost may have been sent under the next names.
                    try beginLife(reason: "the write-ahead log was damaged", hasLostCommits: true)
                    try tellLost(report)
                }
            } catch let error as SQLiteError where error.isRetryable {
                try takeRefuge("\(error)")
            }
        case .older(let found):
            database = found
            do { try rebuild(reason: nil, aside: nil) } catch { try repair("\(error)") }
        case .newer(let version, let found):
            log(.error, "store is of a newer vaho-edge: set aside, a new one is made", ["schema": version, "known": StoreSchema.version])
            if let found { database = found }
            try rebuild(reason: "the store was of a newer vaho-edge", aside: "newer-v\(version)", takingRows: found != nil)
        case .damaged(let found, let why):
            if let found { database = found }
            try repair(why, takingRows: found != nil)
        case .trouble(let why): try takeRefuge(why)
        }
    }

    /// Begins a life where there is none yet, or where the store has come to another host.
    private func begin(hasLostCommits: Bool = false) throws {
        let known = try meta("fingerprint")
        if lives.isEmpty {
            try commit { try beginLife(reason: "the store was made", hasLostCommits: hasLostCommits) }
        } else if known != host.fingerprint {
            try commit { try beginLife(reason: "the store was found on another host") }
            log(.warning, "store found on another host: new epoch", ["epoch": current.epoch])
        }
        try setMeta("fingerprint", host.fingerprint)
    }

    // MARK: repair

    private func repair(_ why: String, takingRows: Bool = true) throws {
        log(.error, "store is damaged: what can be read is saved into a new one", ["store": path, "error": why])
        try rebuild(reason: "the store was damaged", aside: "damaged", takingRows: takingRows)
    }

    /// Writes a new store with the rows of the open one, and puts it into its place.
    /// - Parameters:
    ///   - reason: of a new life; `nil`: the last one goes on, unless something turns out to be missing.
    ///   - aside: what the old file is called then; `nil` deletes it, and damage is an error.
    private func rebuild(reason: String?, aside: String?, takingRows: Bool = true) throws {
        let (old, known, waiting, isDamaged) = (database, lives, pending, aside == "damaged")
        (isDistrusted, isRepairing) = (false, true)
        defer { isRepairing = false }
        do {
            var target: Connection? = try StoreFile.beginRepair(of: path)
            guard let made = target else { return }
            var report = StoreMerge.Report(known: known)
            if takingRows { try StoreMerge(target: made).take(from: database, isTolerant: aside != nil, &report) }
            if isDamaged { try salvage(into: made, &report) }
            database = made
            try readAll()
            if let reason = reason ?? (report.isIncomplete ? "rows of the file that was open could not be read" : nil) {
                try commit {
                    try beginLife(reason: reason, hasLostCommits: isDamaged || report.isIncomplete)
                    try tellLost(report)
                }
            }
            try begin()
            for record in registered.values { try register(record) }
            try StoreFile.completeRepair(made, of: path, aside: aside)
            target = nil
            database = try StoreFile.memory()  // closes the file before it is renamed
        } catch {
            pending = waiting  // some may have been stored in the file that was not completed
            guard aside != nil || (error as? SQLiteError)?.isRetryable == true else {
                database = old
                throw error
            }
            // No room to repair it, mostly. The old file stays as it is and is looked at again later.
            if aside == "replaced" { ruin = ruin ?? (old, known) }
            return try takeRefuge("\(error)")
        }
        do {
            try StoreFile.finishRepair(of: path)
            database = try StoreFile.connection(path)
            refuge = nil
            try readAll()
        } catch {
            // The repaired file is whole: the next look puts it into its place.
            try takeRefuge("\(error)")
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
            return try rebuild(reason: nil, aside: "replaced")
        }
        log(.error, "another store file is in its place: that one is used, with the rows of the one that was open", ["store": path])
        let (open, known) = (database, lives)
        isDistrusted = false
        ruin = ruin ?? (open, known)
        lives = []  // what the file in its place lacks is no loss: it comes from the ruin
        do {
            try self.open(StoreFile.find(path))
            if refuge == nil { try takeRuin() }
        } catch {
            try takeRefuge("\(error)")
        }
    }

    /// Takes over the rows of what was open when its file or its disk went.
    private func takeRuin() throws {
        guard let ruin else { return }
        var report = StoreMerge.Report(known: ruin.lives)
        report.unitesDelivery = true
        try StoreMerge(target: database).take(from: ruin.database, isTolerant: true, &report)
        try readAll()
        if report.isIncomplete {
            try commit {
                try beginLife(reason: "rows of the file that was open could not be read", hasLostCommits: true)
                try tellLost(report)
            }
        }
        self.ruin = nil
        for record in registered.values { try register(record) }
    }

    /// What could not be read of a damaged store, as holes.
    private func tellLost(_ report: StoreMerge.Report) throws {
        for lost in report.lost {
            try insert(
                .hole(
                    Hole(
                        sensor: nil, reason: .storeRepaired, from: lost.from, to: lost.to, count: Int64(lost.sequences.count),
                        sequences: lost.sequences, epoch: lost.epoch)))
            if let index = lives.firstIndex(where: { $0.epoch == lost.epoch }) { lives[index].gone.insert(lost.sequences) }
            deliveryIsUnsaved = true
        }
        if report.lost.isEmpty || report.unnamed > 0 {
            // Rows at the very end of the log may be missing too, and of some nobody can say whose they are.
            let now = LabelClock.wallClock
            let newest = newestReadings.values.map(\.takenAt).max() ?? now
            try insert(.hole(Hole(sensor: nil, reason: .storeRepaired, from: min(newest, now), to: now, count: report.unnamed)))
        }
        log(
            .error, "store replaced",
            ["readings_saved": report.readings, "rows_lost": report.lost.reduce(0) { $0 + $1.sequences.count }, "epoch": current.epoch])
    }

    /// Runs a use of the database; where the file turns out to be damaged or gone, repairs it and tries once more.
    func guarded<Result>(writes: Bool = false, _ body: () throws -> Result) throws -> Result {
        func isLeftAlone() -> Bool { refuge != nil || isRepairing || path == ":memory:" || database.isReadOnly }
        if !isLeftAlone(), database.hasMoved { try followFile() }
        guard !isLeftAlone() else { return try body() }
        do {
            if writes, isDistrusted { try regainTrust() }
            return try body()
        } catch let error where StoreFile.isDamage(error) {
            try repair("\(error)")
            return try body()
        } catch let error as SQLiteError where error.wantsReopening {
            isDistrusted = true
            throw error
        }
    }

    /// After a failed write or fsync the kernel's copy of the write-ahead log may differ from the disk's, and no later fsync says
    /// so: a commit behind such a place is lost with the power. So all of the log goes into the file, and it begins anew.
    ///
    /// Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020.
    private func regainTrust() throws {
        // While another process reads, the log must stay as it is: rows wait in memory, and this is not waited for.
        let hasty = try StoreFile.connection(path, busyTimeoutMs: 100)
        try hasty.checkpoint()
        database = try StoreFile.connection(path)
        isDistrusted = false
    }

    /// Looks at every page of the file.
    package func examine() throws {
        try guarded {
            var check = try database.prepare("PRAGMA quick_check(1)")
            guard try check.step(), check.text(0) == "ok" else { throw DamagedRow(key: 0) }
        }
    }

    // MARK: memory only

    private func takeRefuge(_ why: String) throws {
        log(.error, "store cannot be used: readings are kept in memory and sent from there", ["error": why])
        database = try StoreFile.memory()
        (refuge, isDistrusted) = (why, false)
        try readAll()
        try commit { try beginLife(reason: "only memory to write to") }
        for record in registered.values { try register(record) }
    }

    /// Looks whether the disk is well again, and moves to it what memory holds.
    package func leaveRefuge() throws {
        guard refuge != nil else { return }
        let memory = database
        let finding = StoreFile.find(path)
        if case .trouble(let why) = finding { return refuge = why }
        do {
            refuge = nil
            try open(finding)
            guard refuge == nil else { throw StoreFault(refuge ?? "") }
            try takeRuin()
            var report = StoreMerge.Report()
            try StoreMerge(target: database).take(from: memory, isTolerant: false, &report)
        } catch {
            (database, refuge) = (memory, "\(error)")  // the next look tries again
            return try readAll()
        }
        try readAll()
        for record in registered.values { try register(record) }
        log(.info, "store takes readings again", ["epoch": current.epoch, "rows": current.last])
    }
}
