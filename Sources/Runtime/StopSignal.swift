internal import Dispatch
internal import Glibc

/// Ends when SIGTERM or SIGINT comes, and by that ends the program's other services. Heard from when it is made, so that a
/// signal which comes while the program still starts ends it in order too.
package final class StopSignal: Service {
    private let signals: AsyncStream<Int32>
    nonisolated(unsafe) private let sources: [any DispatchSourceSignal]  // made here, cancelled at the end, touched nowhere else

    package init(log: Log) {
        let (signals, received) = AsyncStream.makeStream(of: Int32.self)
        self.signals = signals
        unsafe sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)  // else it ends the process before the source hears of it
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                log(.info, "stopping", ["signal": number == SIGTERM ? "SIGTERM" : "SIGINT"])
                received.yield(number)
                // A read of a sensor that hangs in the kernel cannot be ended; what is committed is safe.
                DispatchQueue.global().asyncAfter(deadline: .now() + 4) {
                    log(.error, "ended by force: something did not stop")
                    _exit(1)  // not a clean stop: whoever started the program is to see it
                }
            }
            source.activate()
            return source
        }
    }

    deinit { unsafe sources.forEach { $0.cancel() } }

    package func run() async throws { for await _ in signals { return } }
}
