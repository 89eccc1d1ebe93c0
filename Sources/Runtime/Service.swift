/// Something that runs as long as its program: it ends when cancelled, or throws when it cannot go on.
package protocol Service: Sendable {
    func run() async throws
}

package enum Services {
    /// Runs all of them until the first ends, then cancels and awaits the rest.
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
