package import Runtime
package import Testing

extension ManualClock {
    /// Runs a service while `test` runs, then cancels the service, which must end with `CancellationError`.
    package func running<Result>(
        _ service: some Service, sourceLocation: SourceLocation = #_sourceLocation, _ test: () async throws -> Result
    ) async throws -> Result {
        let running = Task { try await service.run() }
        await sleepers()
        let result = try await test()
        running.cancel()
        await #expect(throws: CancellationError.self, sourceLocation: sourceLocation) { try await running.value }
        return result
    }

    /// Advances the time step by step. Before and after each step it waits until a task sleeps.
    package func advance(_ steps: Duration...) async {
        for step in steps {
            await sleepers()
            advance(by: step)
        }
        await sleepers()
    }
}
