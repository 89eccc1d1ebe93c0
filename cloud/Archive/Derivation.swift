package import Runtime

/// Derives observations from the log as it grows; never in the way of an ingest.
package struct Derivation: Service {
    private let archive: Archive
    private let reader: Archive
    private let wake: Inbox<Void>
    private let log: Log

    /// - Parameters:
    ///   - reader: a connection of its own: it reads for as long as it takes.
    ///   - wake: told when batches have been stored.
    package init(archive: Archive, reader: Archive, wake: Inbox<Void>, log: Log) {
        self.archive = archive
        self.reader = reader
        self.wake = wake
        self.log = log
    }

    package func run() async throws {
        while true {
            do { while try await step() { try Task.checkCancellation() } } catch is CancellationError { throw CancellationError() } catch {
                log(.error, "observations not derived, tried again in 10 s", ["error": "\(error)"])
                try await Task.sleep(for: .seconds(10))
                continue
            }
            guard await !wake.takeAll().isEmpty else { throw CancellationError() }
            try await Task.sleep(for: .milliseconds(200))  // what comes together is derived together
        }
    }

    /// - Returns: whether there was something to derive.
    package func step() async throws -> Bool {
        let derived = try await reader.derivation()
        for id in derived.unreadable { log(.error, "batch of the log cannot be read", ["id": id]) }
        return try await archive.take(derived)
    }
}
