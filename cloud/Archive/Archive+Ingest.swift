package import Measures
package import Wire

/// Stores batches. Acknowledged rows are on the disk, exactly once. Observations are derived later, outside this transaction.
extension Archive {
    /// Rows from a device that are to be stored.
    package enum Submission: Sendable {
        case batch(BatchArrival)
        case plain(PlainArrival)

        package var device: Int64 {
            switch self {
            case .batch(let arrival): arrival.device
            case .plain(let arrival): arrival.device
            }
        }

        var isPlain: Bool { if case .plain = self { true } else { false } }

        fileprivate var isImported: Bool { if case .plain(let arrival) = self { arrival.isImported } else { false } }

        package var receivedAt: Instant {
            switch self {
            case .batch(let arrival): arrival.receivedAt
            case .plain(let arrival): arrival.receivedAt
            }
        }
    }

    package enum Receipt: Sendable {
        case batch(BatchAcknowledgement)
        case plain(PlainReceipt)
    }

    /// Stores the new rows of all submissions in one transaction.
    /// - Returns: the outcome of each submission, in the same order. The rows are on the disk: the answers may be sent.
    package func ingest(_ submissions: [Submission], next: BatchAcknowledgement.Pacing) throws -> [Result<Receipt, IngestRefusal>] {
        try database.transaction(
            rolledBack: { (ledgers, unsavedEpochs, duplicateHostDetectors) = ([:], [], [:]) }  // they may count rows that were rolled back
        ) { try store(submissions, next: next) }
    }

    private func store(_ submissions: [Submission], next: BatchAcknowledgement.Pacing) throws -> [Result<Receipt, IngestRefusal>] {
        var log = LogWriter(database)
        try readLedgers(for: submissions)
        let assigned = try releases(for: submissions.map(\.device))
        let cutoff = try submissions.contains(where: \.isPlain) ? retentionCutoff() : Instant(ms: 0)
        var outcomes: [Result<Receipt, IngestRefusal>] = []
        var seen: [Int64: Submission] = [:]  // by device, the submission that updates the device's row: the newest with a report, else the first
        for submission in submissions {
            do {
                try checkDailyQuota(submission.device, at: submission.receivedAt)
                switch submission {
                case .batch(let arrival):
                    var answer = try ingest(arrival, &log)
                    answer.next = next
                    answer.release = assigned[arrival.device]
                    // Older edge programs, whose reports have no sensors, do not accept an answer with this field.
                    if arrival.frame.report?.sensors.isEmpty == false { answer.hasDuplicateHost = try hasDuplicateHost(arrival.device) }
                    outcomes.append(.success(.batch(answer)))
                    if arrival.frame.report != nil { seen[arrival.device] = submission }
                case .plain(let arrival):
                    outcomes.append(.success(.plain(try ingest(arrival, takenAfter: cutoff, &log))))
                    if arrival.isImported { continue }
                }
                if seen[submission.device] == nil { seen[submission.device] = submission }
            } catch let refusal as IngestRefusal {
                outcomes.append(.failure(refusal))
                try database.run("UPDATE device SET judge_due = 1 WHERE id = ?", submission.device)
                // The device is not silent, although its rows are not stored.
                if seen[submission.device] == nil, !submission.isImported { seen[submission.device] = submission }
            }
        }
        try flush(&log)
        try log.finish(ledger)
        let requests = try recordContacts(seen.values.sorted { $0.device < $1.device })
        discardLargeLedgers(of: Set(submissions.map(\.device)))
        return zip(outcomes, submissions).map { outcome, submission in
            guard case .success(.batch(var answer)) = outcome else { return outcome }
            answer.wantsNewToken = requests.newToken.contains(submission.device)
            answer.settingsSerial = requests.settings[submission.device]
            return .success(.batch(answer))
        }
    }

    /// - Throws: `IngestRefusal`; then no row of the batch is stored, only its new sensor names are.
    private func ingest(_ arrival: BatchArrival, _ log: inout LogWriter) throws -> BatchAcknowledgement {
        let (device, frame) = (arrival.device, arrival.frame)
        guard frame.rowCount > 0 else { return answer(try heldEpoch(device, frame.epoch).ranges, frame.epoch) }
        let all = frame.first...frame.last
        let refusedNames = try admitSensorNames(frame.names, device)
        let held = try heldEpoch(device, frame.epoch).ranges
        // In most batches every row is new and may be stored: then the packed batch is stored unchanged.
        if held.missing(in: all) == [all], arrival.malformed.isEmpty, refusedNames.isEmpty {
            let records = frame.records.map { (sequence: frame.first + Int64($0.rowIndex), record: $0.record) }
            let changes = try heldChanges(arrival, records)
            // Sensor names that no row uses are not stored: many small batches with many names would be costly to compare.
            let body = frame.sensors.count > frame.rowCount ? try Batch(binary: frame.bytes).part(all).binary() : frame.withoutReport()
            count(log.append(body, arrival, all, readings: frame.readingCount, records: records), arrival)
            apply(changes, device, at: arrival.receivedAt)
            try detectDuplicateHost(arrival)
            return answer(changes.first?.after ?? held, frame.epoch)
        }
        return try ingestRowByRow(arrival, refusedNames, &log)
    }

    /// Stores a batch in which some rows are already held, malformed, or from sensors beyond the quota.
    private func ingestRowByRow(_ arrival: BatchArrival, _ refusedNames: Set<SensorName>, _ log: inout LogWriter) throws -> BatchAcknowledgement {
        let (device, frame) = (arrival.device, arrival.frame)
        let all = frame.first...frame.last
        let batch = try Batch(binary: frame.bytes)
        try flush(&log)  // the rows of this batch are compared with the log
        var conflicts = try self.conflicts(device, batch)
        if !conflicts.isEmpty { conflicts = try conflictsNotFoundElsewhere(conflicts, of: batch, device) }
        // A hole may have declared a row lost that another copy of the device's store still has: if the row arrives, it is stored.
        let missing = HeldRanges(try unstoredSequences(device, frame.epoch, all))
        let refused = refusals(batch, arrival, refusedNames).filter { missing.contains($0.sequence) }
        var toStore = missing
        for row in refused { toStore.remove(row.sequence...row.sequence) }
        let parts = toStore.ranges.map { batch.part($0) }
        let changes = try heldChanges(arrival, parts.flatMap { part in part.records })
        for part in parts {
            let records = part.records
            count(log.append(part.binary(), arrival, part.first...part.last, readings: part.rows.count - records.count, records: records), arrival)
        }
        count(log.refuse(refused, device, frame.epoch), arrival)
        apply(changes, device, at: arrival.receivedAt)
        if !parts.isEmpty { try detectDuplicateHost(arrival) }
        var answer = answer(changes.first?.after ?? HeldRanges([all]), frame.epoch)
        (answer.refused, answer.conflicts) = (refused, conflicts)
        return answer
    }

    private func answer(_ held: HeldRanges, _ epoch: Epoch) -> BatchAcknowledgement {
        BatchAcknowledgement(
            epoch: epoch, through: held.through, held: Array(held.above.prefix(BatchAcknowledgement.heldLimit)), refused: [], conflicts: [],
            next: BatchAcknowledgement.Pacing(delayMs: 0, maxReadings: 0, maxBytes: 0), release: nil)
    }

    /// Rows that are refused one by one, with their reasons.
    private func refusals(_ batch: Batch, _ arrival: BatchArrival, _ refusedNames: Set<SensorName>) -> [BatchAcknowledgement.RefusedRow] {
        var reasons: [Int: BatchAcknowledgement.RefusedRow.Reason] = [:]
        if !refusedNames.isEmpty {
            for (index, row) in batch.rows.enumerated() {
                switch row {
                case .reading(let sensor, _) where refusedNames.contains(batch.sensors[sensor]): reasons[index] = .unknownSensor
                case .record(let record) where record.newName.map(refusedNames.contains) == true: reasons[index] = .unknownSensor
                default: break
                }
            }
        }
        for index in arrival.malformed { reasons[index] = .malformed }
        return reasons.sorted { $0.key < $1.key }.map { BatchAcknowledgement.RefusedRow(sequence: batch.first + Int64($0.key), reason: $0.value) }
    }

    /// Raises an alarm if two epochs of the device grow in turns.
    private func detectDuplicateHost(_ arrival: BatchArrival) throws {
        guard let newest = arrival.newest else { return }
        if duplicateHostDetectors.count >= Archive.cachedDevices { duplicateHostDetectors = [:] }
        guard
            duplicateHostDetectors[arrival.device, default: DuplicateHostDetector()].recordGrowth(
                arrival.frame.epoch, newest: newest, at: arrival.receivedAt)
        else { return }
        try raiseDuplicateHostAlarm(arrival.device, at: arrival.receivedAt)
    }

    /// The ranges that a batch adds to each epoch: the batch's own rows, and the sequences that its holes declare lost. The batch's own epoch comes
    /// first.
    ///
    /// - Parameter records: the records that will be stored, with their sequences.
    /// - Throws: `IngestRefusal` if an epoch or the device would get too many ranges, or the device too many epochs.
    private func heldChanges(_ arrival: BatchArrival, _ records: [(sequence: Int64, record: Record)]) throws -> [HeldChange] {
        let (device, own) = (arrival.device, arrival.frame.epoch)
        var settled: [Epoch: [ClosedRange<Int64>]] = [own: [arrival.frame.first...arrival.frame.last]]
        for case (let sequence, .hole(let hole)) in records {
            guard let lostSequences = hole.sequences else { continue }
            if let other = hole.epoch, other != own {
                if other != .server { settled[other, default: []].append(lostSequences) }  // only the server assigns sequences in its own epoch
            } else if lostSequences.upperBound < sequence {
                settled[own, default: []].append(lostSequences)
            }
        }
        // The holes of one batch may name thousands of epochs. Refuse such a batch before the database is asked for each epoch.
        guard settled.count <= ArchiveLimits.epochsPerDevice else { throw IngestRefusal.tooManyEpochs }
        try readEpochs(settled.keys.map { (device, $0) })
        let changes = try settled.map { try heldChange(device, $0.key, adding: $0.value) }
        let new = changes.count(where: \.isNew)
        if new > 0 {
            guard try epochCount(device) + Int64(new) <= ArchiveLimits.epochsPerDevice else { throw IngestRefusal.tooManyEpochs }
        }
        if let over = changes.first(where: \.isOverLimit) { throw IngestRefusal.tooManyRanges(over.epoch) }
        let more = changes.reduce(0) { $0 + $1.after.ranges.count - $1.before.ranges.count }
        if more > 0, try rangeCount(device) + Int64(more) > ArchiveLimits.rangesPerDevice { throw IngestRefusal.tooManyRangesOfDevice }
        return changes.filter { $0.epoch == own } + changes.filter { $0.epoch != own }
    }

    /// Counts stored bytes against the device's limit of the day.
    private func count(_ bytes: Int64, _ arrival: BatchArrival) { ledgers[arrival.device]?.add(bytes: bytes, on: arrival.receivedAt.ms / 86_400_000) }

    /// Writes what the transaction has collected so far.
    func flush(_ log: inout LogWriter) throws {
        try log.flush { record, device, epoch, sequence, batch, rows in
            try add(record, device, epoch, sequence, batch: batch, to: &rows)
        }
        try saveHeldRanges()
    }

    private func checkDailyQuota(_ device: Int64, at now: Instant) throws {
        let day = now.ms / 86_400_000
        guard try ledger(device).bytes(on: day) >= limits.bytesPerDay else { return }
        throw IngestRefusal.dailyQuotaExceeded(limit: limits.bytesPerDay, untilMidnight: .milliseconds((day + 1) * 86_400_000 - now.ms))
    }

    /// Bytes that a device has stored on a day, as `ArchiveLimits.cost` counts them.
    /// - Parameter day: days since 1970, UTC.
    package func bytesStored(_ device: Int64, _ day: Int64) throws -> Int64 {
        try database.integer("SELECT day_bytes FROM device_log WHERE device = ? AND day = ?", device, day) ?? 0
    }

    /// Stores the times of the devices' last contacts, and the devices' reports.
    /// - Parameter submissions: one for each device, sorted by device.
    /// - Returns: the devices that should fetch a new token; the serials of new settings by device.
    private func recordContacts(_ submissions: [Submission]) throws -> (newToken: Set<Int64>, settings: [Int64: UInt64]) {
        let reports = submissions.compactMap { submission -> (device: Int64, report: DeviceReport)? in
            guard case .batch(let arrival) = submission, let report = arrival.frame.report else { return nil }
            return (arrival.device, report)
        }
        let changed = try saveReportedStates(reports)
        try recordReleases(
            submissions.compactMap { submission in
                guard case .batch(let arrival) = submission, let report = arrival.frame.report else { return nil }
                return (arrival.device, report.release, submission.receivedAt)
            })
        if let at = submissions.map(\.receivedAt).max() {
            try recordRejections(reports.map { ($0.device, $0.report.rejections) }, at: at)
            try recordLiveScores(reports.map { ($0.device, $0.report.dailyScores) }, at: at)
        }
        let byDevice = Dictionary(uniqueKeysWithValues: reports.map { ($0.device, $0.report.withoutDailyScores) })
        // A device is judged again if its state was not ok or its report has changed.
        let rows = try database.rowsEach(
            """
            UPDATE device SET last_seen_at_ms = ?1, report = COALESCE(?2, report), reported_clock = COALESCE(?3, reported_clock),
                judge_due = CASE WHEN ?5 = 1 OR state <> 0 OR reported_clock <> COALESCE(?3, reported_clock) THEN 1 ELSE judge_due END
            WHERE id = ?4 RETURNING rotate_at_ms, (SELECT serial FROM device_settings WHERE device = ?4)
            """,
            submissions.map { submission in
                let report = byDevice[submission.device]
                return [
                    .integer(submission.receivedAt.ms), report.map(ReportCoding.bytes).databaseValue,
                    report.map { Int64($0.clock.rawValue) }.databaseValue, .integer(submission.device),
                    changed.contains(submission.device).databaseValue,
                ]
            })
        var requests: (newToken: Set<Int64>, settings: [Int64: UInt64]) = ([], [:])
        for (submission, rows) in zip(submissions, rows) {
            guard let row = rows.first else { continue }
            if let at = row.optionalInteger(0), at <= submission.receivedAt.ms { requests.newToken.insert(submission.device) }
            // Earlier edge programs reject an answer with a serial, and report no settings. So only devices that report settings get a serial.
            if let serial = row.optionalInteger(1).map(UInt64.init(bitPattern:)), let reported = byDevice[submission.device]?.settings,
                reported.serial != serial
            {
                requests.settings[submission.device] = serial
            }
        }
        return requests
    }
}

extension Batch {
    /// The batch's records with their sequences.
    fileprivate var records: [(sequence: Int64, record: Record)] {
        rows.enumerated().compactMap { index, row in
            guard case .record(let record) = row else { return nil }
            return (first + Int64(index), record)
        }
    }
}
