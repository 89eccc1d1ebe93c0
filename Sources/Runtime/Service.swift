/// A part of the program that runs until it is cancelled, or throws an error that it cannot recover from.
package protocol Service: Sendable {
    func run() async throws
}

package enum Services {
    /// Runs all services until the first ends, then cancels and awaits the others.
    package static func run(_ services: [any Service]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in services { group.addTask { try await service.run() } }
            defer { group.cancelAll() }
            do { try await group.next() } catch is CancellationError {}
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
    }
}
