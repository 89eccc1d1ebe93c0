/// Waits until the condition holds; the test's time limit ends an endless wait.
package func eventually(_ isTrue: () async throws -> Bool) async throws {
    while try await !isTrue() { try await ContinuousClock().sleep(for: .milliseconds(1)) }
}
