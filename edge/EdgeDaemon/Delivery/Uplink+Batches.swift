internal import Deflate
internal import EdgeStore
internal import HTTPClient
internal import Releases
internal import Runtime
internal import Wire

/// Sends one batch and applies its answer.
extension Uplink {
    private static let minimumBytesToCompress = 200

    func send(_ life: Int64, _ first: Int64, _ last: Int64, _ limit: Int, _ plan: inout UplinkPlan) async throws {
        guard let epoch = await store.lives.first(where: { $0.number == life })?.epoch else { return }
        guard let batch = try await store.batch(of: epoch, from: first, through: last, limit: limit), batch.first == first else {
            let recordedMissing = try await store.write { try $0.addHoleForMissingRows(epoch, from: first, through: last) }
            return log(.warning, "rows requested by the cloud no longer exist", ["first": first, "last": recordedMissing?.upperBound ?? first])
        }
        try await deliver(batch, life: life, &plan)
    }

    /// - Parameter life: the life of the rows, or, for a batch without rows, the life to verify.
    func deliver(_ rows: Batch, life: Int64, _ plan: inout UplinkPlan) async throws {
        var batch = rows
        if plan.includesReport || rows.rows.isEmpty { batch.report = try await report() }
        let plain = batch.binary()
        if plain.count > plan.byteLimit, plan.halveBatch(of: batch.rows.count) { return }
        let compressed = plan.compressesBodies && plain.count >= Uplink.minimumBytesToCompress ? Deflate.compressed(plain) : nil
        let response = try await post(compressed ?? plain, isCompressed: compressed != nil)
        guard response.status == 200 else {
            // The refusal may be about the compression: send the same rows uncompressed before the refusal counts.
            guard compressed == nil || ![400, 413, 415].contains(response.status) else { return plan.sendUncompressed() }
            return try await refused(batch, life, CloudRefusal(response), &plan)
        }
        plan.accepted(response.headers["accept-encoding"])
        if let report = batch.report {
            plan.reportAnswered(isAccepted: true)
            if let last = report.dailyScores.last { try await store.write { try $0.markReported(through: last) } }
        }
        try await settle(batch, life, BatchAcknowledgement(binary: response.body), &plan)
    }

    private func post(_ body: [UInt8], isCompressed: Bool) async throws -> HTTPClient.Response {
        let coding = isCompressed ? [(name: "Content-Encoding", value: "deflate")] : []
        return try await client.send(
            request(
                "POST", "/batches", headers: [("Content-Type", BatchFormat.mediaType), ("Accept", BatchAcknowledgement.mediaType)] + coding,
                body: body))
    }

    /// Handles a refusal. Halves the batch until the batch contains only the refused row, and marks this row undeliverable. Throws every other
    /// refusal, which is retried later.
    private func refused(_ batch: Batch, _ life: Int64, _ refusal: CloudRefusal, _ plan: inout UplinkPlan) async throws {
        if batch.rows.isEmpty, refusal.refusesContent {
            // A refused report must not block the delivery of rows.
            plan.verified(life)
            return log(.error, "report refused", ["status": refusal.status, "detail": refusal.detail])
        }
        // A proxy may refuse a body as too large; only the cloud itself can refuse a row.
        guard refusal.refusesContent || refusal.status == 413, !batch.rows.isEmpty else { throw refusal }
        if plan.halveBatch(of: batch.rows.count) {
            return log(.warning, "batch refused, retrying with half the rows", ["status": refusal.status, "batch": batch.name])
        }
        guard refusal.refusesContent else { throw refusal }
        // Send the row once more without the report: the cause may be the report, or damage in transfer.
        var alone = batch
        alone.report = nil
        let second = try await post(alone.binary(), isCompressed: false)
        if second.status == 200 {
            plan.reportAnswered(isAccepted: false)
            log(.warning, "row delivered without the report", ["batch": batch.name, "refused_before": refusal.detail])
            return try await settle(alone, life, BatchAcknowledgement(binary: second.body), &plan)
        }
        let confirmed = CloudRefusal(second)
        guard confirmed.refusesContent else { throw confirmed }
        try await store.markUndeliverable(batch.epoch, batch.first)
        log(.error, "row refused by the cloud and marked undeliverable", ["batch": batch.name, "detail": confirmed.detail])
        // Back off: a cloud that refuses every row must not empty the log within a minute.
        plan.failed(retryAfter: nil, randomFraction: 0)
    }

    private func settle(_ batch: Batch, _ life: Int64, _ answer: BatchAcknowledgement, _ plan: inout UplinkPlan) async throws {
        let settlement = try await store.settle(answer, sent: batch.rows.isEmpty ? nil : batch.first...batch.last)
        switch settlement {
        case .settled: break
        case .cloudIsBehind(let rows):
            log(.warning, "cloud has lost acknowledged rows: sending them again", ["rows": rows, "epoch": batch.epoch])
            plan.cloudIsBehind(lives: await store.lives)
        case .moved(let count):
            log(
                .warning, "rows conflict with rows from a copy of this store: moved to a new epoch",
                ["rows": count, "batch": batch.name])
        case .storeIsBehind(let held, let assigned):
            log(
                .warning, "cloud holds more rows than this store assigned: the store was restored from an older copy, new epoch",
                ["epoch": batch.epoch, "cloud_holds": held, "store_had_given": assigned])
        case .unknownEpoch: log(.warning, "answer names an epoch that is not in this store", ["batch": batch.name])
        }
        plan.verified(life)
        for row in answer.refused.prefix(10) { log(.warning, "row refused", ["sequence": row.sequence, "reason": row.reason.name]) }
        let backlog = await store.lives.reduce(0) { $0 + $1.backlog }
        if settlement == .settled, !batch.rows.isEmpty, await hasNoSettledRow(batch, life) {
            // Without this error, the uplink would send the same batch again and again without a pause.
            throw NothingSettledError(batch: batch.name)
        }
        log(.debug, "batch delivered", ["batch": batch.name, "through": answer.through, "backlog": backlog])
        await storeState(hasDuplicateHost(batch, answer) ? .duplicate : .delivering)
        plan.settled(answer.next, backlog: backlog)
        if settlement != .settled { plan.backOffAfterResend(life: life, randomFraction: Double.random(in: 0...1)) }
        if answer.wantsNewToken { try await renewToken() }
        await followReleases(answer.release)
        await fetchSettings(serial: answer.settingsSerial)
    }

    /// Whether two hosts send as this device. Only the answer to a batch with a report shows this; after other answers the known state stays.
    private func hasDuplicateHost(_ batch: Batch, _ answer: BatchAcknowledgement) -> Bool {
        batch.report == nil ? status.current?.kind == .duplicate : answer.hasDuplicateHost
    }

    /// Whether the cloud holds none of these rows.
    private func hasNoSettledRow(_ batch: Batch, _ life: Int64) async -> Bool {
        let sent = batch.first...batch.last
        return await store.lives.first { $0.number == life }?.held.missing(in: sent) == [sent]
    }
}

/// The cloud's answer settles none of the rows in the batch.
struct NothingSettledError: Error, CustomStringConvertible {
    let batch: String
    var description: String { "the answer to \(batch) settles none of its rows" }
}
