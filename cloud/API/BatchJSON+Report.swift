internal import Measures
internal import Wire

extension BatchJSON {
    /// What a device says of itself.
    struct ReportJSON: Decodable {
        let release: ReleaseJSON?
        let backlog: Int64?
        let evicted: Int64?
        let refused: Int64?
        let clock: UInt8?
        let scores: [ScoreJSON]?
        let refusal: String?

        struct ReleaseJSON: Decodable {
            let counter: UInt64
            let sha256: String
        }

        struct ScoreJSON: Decodable {
            let release_counter: UInt64
            let lead_time_s: Int64
            let count: Int64
            let absolute_error_mpct: Int64
            let persistence_error_mpct: Int64
            let climatology_error_mpct: Int64
            let covered_ppm: Int64
        }

        func report() throws(BatchRefusal) -> DeviceReport {
            func wrong(_ field: String, _ what: String) -> BatchRefusal { BatchJSON.fault("/report/\(field)", what) }
            let name = try release.map { (release) throws(BatchRefusal) in
                guard let hash = Documents.bytes(hexadecimal: release.sha256), hash.count == 32 else {
                    throw wrong("release/sha256", "expected 64 hexadecimal digits")
                }
                return ReleaseName(counter: release.counter, sha256: hash)
            }
            guard let clock = ClockQuality(rawValue: clock ?? 0) else { throw wrong("clock", "0, 1 or 2") }
            guard (refusal ?? "").utf8.count <= DeviceReport.refusalLimit else {
                throw wrong("refusal", "at most \(DeviceReport.refusalLimit) bytes")
            }
            guard (scores ?? []).count <= DeviceReport.scoreLimit else { throw wrong("scores", "at most \(DeviceReport.scoreLimit)") }
            return DeviceReport(
                release: name, backlog: backlog ?? 0, evicted: evicted ?? 0, refused: refused ?? 0, clock: clock,
                scores: (scores ?? []).map { score in
                    LiveScore(
                        releaseCounter: score.release_counter, leadTimeSeconds: score.lead_time_s, count: score.count,
                        absoluteErrorMpct: score.absolute_error_mpct, persistenceErrorMpct: score.persistence_error_mpct,
                        climatologyErrorMpct: score.climatology_error_mpct, coveredPpm: score.covered_ppm)
                }, refusal: refusal)
        }
    }
}
