internal import Deflate
internal import EdgeStore
internal import HTTPClient
internal import Releases
internal import Runtime
internal import Wire

/// One batch, and what its answer settles.
extension Uplink {
    private static let leastWorthPacking = 200  // bytes

    func send(_ life: Int64, _ first: Int64, _ last: Int64, _ limit: Int, _ plan: inout UplinkPlan) async throws {
        guard let epoch = await store.lives.first(where: { $0.number == life })?.epoch else { return }
        guard let batch = try await store.batch(of: epoch, from: first, through: last, limit: limit), batch.first == first else {
            let gone = try await store.write { try $0.declareGone(epoch, from: first, through: last) }
            return log(.warning, "rows asked for that are no more", ["first": first, "last": gone?.upperBound ?? first])
        }
        try await deliver(batch, life: life, &plan)
    }

    /// - Parameter life: that of the rows, or, of a batch without rows, the one that is asked about.
    func deliver(_ rows: Batch, life: Int64, _ plan: inout UplinkPlan) async throws {
        var batch = rows
        if plan.reports || rows.rows.isEmpty { batch.report = try await report() }
        let plain = batch.binary()
        if plain.count > plan.byteLimit, plan.sendLess(than: batch.rows.count) { return }
        let packed = plan.packs && plain.count >= Uplink.leastWorthPacking ? Deflate.compressed(plain) : nil
        let response = try await post(packed ?? plain, isPacked: packed != nil)
        guard response.status == 200 else {
            // A packed body may be what is refused: then the cloud gets the same rows as they are, before anything is made of it.
            guard packed == nil || ![400, 413, 415].contains(response.status) else { return plan.sendUnpacked() }
            return try await refused(batch, life, Refused(response), &plan)
        }
        plan.accepted(response.headers["accept-encoding"])
        if batch.report != nil { plan.reportCame(isTaken: true) }
        try await settle(batch, life, Answer(binary: response.body), &plan)
    }

    private func post(_ body: [UInt8], isPacked: Bool) async throws -> HTTPClient.Response {
        let coding = isPacked ? [(name: "Content-Encoding", value: "deflate")] : []
        return try await client.send(
            request("POST", "/batches", headers: [("Content-Type", Batch.mediaType), ("Accept", Answer.mediaType)] + coding, body: body))
    }

    /// Fewer rows at a time, until the one that the cloud refuses is alone: that is set aside. All else is tried again later.
    private func refused(_ batch: Batch, _ life: Int64, _ refusal: Refused, _ plan: inout UplinkPlan) async throws {
        if batch.rows.isEmpty, refusal.isOfContent {
            // A report that the cloud cannot take must not keep rows from it.
            plan.verified(life)
            return log(.error, "report refused", ["status": refusal.status, "detail": refusal.detail])
        }
        // A proxy before the cloud may find a body too large; what a row is worth only the cloud itself can say.
        guard refusal.isOfContent || refusal.status == 413, !batch.rows.isEmpty else { throw refusal }
        if plan.sendLess(than: batch.rows.count) {
            return log(.warning, "batch refused, sending less", ["status": refusal.status, "batch": batch.name])
        }
        guard refusal.isOfContent else { throw refusal }
        // Once more and without the report: that, or damage on the way, may be what was refused.
        var alone = batch
        alone.report = nil
        let second = try await post(alone.binary(), isPacked: false)
        if second.status == 200 {
            plan.reportCame(isTaken: false)
            log(.warning, "row taken without the report beside it", ["batch": batch.name, "refused_before": refusal.detail])
            return try await settle(alone, life, Answer(binary: second.body), &plan)
        }
        let confirmed = Refused(second)
        guard confirmed.isOfContent else { throw confirmed }
        try await store.setAside(batch.epoch, batch.first)
        log(.error, "row set aside: the cloud refuses it", ["batch": batch.name, "detail": confirmed.detail])
        // A cloud that refuses every row must not empty the log in a minute.
        plan.failed(retryAfter: nil, chance: 0)
    }

    private func settle(_ batch: Batch, _ life: Int64, _ answer: Answer, _ plan: inout UplinkPlan) async throws {
        let settlement = try await store.settle(answer, sent: batch.rows.isEmpty ? nil : batch.first...batch.last)
        switch settlement {
        case .settled: break
        case .cloudIsBehind(let rows):
            log(.warning, "cloud has lost rows it had acknowledged: sent again", ["rows": rows, "epoch": batch.epoch])
            plan.cloudIsBehind(lives: await store.lives)
        case .moved(let count):
            log(
                .warning, "rows that the cloud knows otherwise: a copy of this store sends too. They get a new epoch",
                ["rows": count, "batch": batch.name])
        case .storeIsBehind(let held, let given):
            log(
                .warning, "the cloud holds more than this store had given: it was restored or set back. New epoch",
                ["epoch": batch.epoch, "cloud_holds": held, "store_had_given": given])
        case .strangeEpoch: log(.warning, "the answer is about an epoch that is not in this store", ["batch": batch.name])
        }
        plan.verified(life)
        for row in answer.refused.prefix(10) { log(.warning, "row refused", ["sequence": row.sequence, "reason": row.reason.name]) }
        let backlog = await store.lives.reduce(0) { $0 + $1.backlog }
        if settlement == .settled, !batch.rows.isEmpty, await isUnsettled(batch, life) {
            // Without this an answer that settles nothing would be asked for again at once, for ever.
            throw Unsettled(batch: batch.name)
        }
        log(.debug, "batch delivered", ["batch": batch.name, "through": answer.through, "backlog": backlog])
        await note(twoHosts(batch, answer) ? .duplicate : .delivering)
        plan.settled(answer.next, backlog: backlog)
        if settlement != .settled { plan.setBack(life: life, chance: Double.random(in: 0...1)) }
        if answer.wantsNewToken { try await renewToken() }
        if let release = answer.release, await intake.wants(release) { await fetch(release) }
    }

    /// Whether two hosts send as this device. An answer to a batch without a report says nothing of that: what was known stays.
    private func twoHosts(_ batch: Batch, _ answer: Answer) -> Bool {
        batch.report == nil ? status.current?.kind == .duplicate : answer.isOfTwoHosts
    }

    /// Whether the cloud holds none of these rows.
    private func isUnsettled(_ batch: Batch, _ life: Int64) async -> Bool {
        let sent = batch.first...batch.last
        return await store.lives.first { $0.number == life }?.held.missing(in: sent) == [sent]
    }
}

/// The cloud's answer left the rows that it answers unsettled.
struct Unsettled: Error, CustomStringConvertible {
    let batch: String
    var description: String { "the answer to \(batch) settles none of its rows" }
}
