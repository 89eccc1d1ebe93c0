internal import APIDocuments
internal import Archive
internal import HTTPServer
internal import Measures
internal import Pipeline
internal import Runtime

extension CloudAPI {
    /// Converts the error of a failed request to a response.
    func problem(_ error: any Error) -> HTTPResponse {
        func retryLater(_ status: Int, _ detail: String, _ after: Duration) -> HTTPResponse {
            var response = APIResponse.problem(status, detail)
            response.headers.append(("Retry-After", String(max(1, (after.ms + 999) / 1_000))))
            return response
        }
        switch error {
        case let error as Problem: return error.response
        case let refusal as BodyRefusal: return refusal.response
        case let error as RateLimit.Exceeded:
            var response = retryLater(429, error.detail, error.retryAfter)
            response.headers += error.headers
            return response
        case let error as IngestRefusal: return retryLater(429, error.description, error.retryAfter)
        case let error as FreeSpaceGuard.InsufficientSpace: return retryLater(503, error.description, .seconds(60))
        case let error as FairQueue<Int64>.Full where error.isKeyLimit:
            return retryLater(429, "too many requests from this device are waiting: send one request after another", .seconds(2))
        case is FairQueue<Int64>.Full, is FairQueue<String>.Full: return retryLater(503, "too many requests are waiting: retry later", .seconds(5))
        case is CancellationError: return retryLater(503, "the server is stopping: send this request again", .seconds(2))
        case is Ingest.StoresNothing: return retryLater(503, "the database does not accept writes: retry later", .seconds(5))
        case is Ingest.Overloaded: return retryLater(503, "too many batches are waiting: send this batch again later", .seconds(10))
        case let error as ArchiveFault:
            if error.status == 500 { log(.error, "request failed", ["error": "\(error)"]) }
            return APIResponse.problem(error.status, "\(error)")
        case let error as any DatabaseFailure where error.isUnavailable:
            // Every request fails until the database is back: one line a minute says so.
            if let count = unavailable.count(1, of: 0) {
                log(.error, "requests failed, the database is not available", ["count": count, "error": "\(error)"])
            }
            return error.isOutOfSpace
                ? retryLater(
                    503, "the disk of the archive is full, and nothing was changed: free some space, then send the request again", .seconds(30))
                : retryLater(503, "the database is not available: retry later", .seconds(5))
        default:
            log(.error, "request failed", ["error": "\(error)"])
            return retryLater(503, "the request failed: retry later", .seconds(30))
        }
    }
}

extension ArchiveFault {
    fileprivate var status: Int {
        switch self {
        case .noDevice: 404
        case .deviceExists, .formerName, .tooManyNames: 409
        case .noArchive, .unsupportedSchema, .unfinishedMigration, .backUpByServer, .damagedBin, .damagedRow: 500
        }
    }
}
