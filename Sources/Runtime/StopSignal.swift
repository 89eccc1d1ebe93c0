internal import Dispatch
internal import Glibc

/// A service that ends at SIGTERM or SIGINT, which ends the program's other services.
///
/// The initializer installs the signal handlers, so that a signal during the program's start also leads to a clean stop.
package final class StopSignal: Service {
    private let signals: AsyncStream<Int32>
    nonisolated(unsafe) private let sources: [any DispatchSourceSignal]  // created in `init`, cancelled in `deinit`, not used elsewhere

    package init(log: Log) {
        let (signals, received) = AsyncStream.makeStream(of: Int32.self)
        self.signals = signals
        unsafe sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)  // otherwise the signal ends the process before the source receives it
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                log(.info, "stopping", ["signal": number == SIGTERM ? "SIGTERM" : "SIGINT"])
                received.yield(number)
                // A sensor read that hangs in the kernel cannot be interrupted; committed data is safe.
                DispatchQueue.global().asyncAfter(deadline: .now() + 4) {
                    log(.error, "ended by force: a service did not stop within 4 s")
                    _exit(1)  // not a clean stop: the exit code tells the service manager
                }
            }
            source.activate()
            return source
        }
    }

    deinit { unsafe sources.forEach { $0.cancel() } }

    package func run() async throws { for await _ in signals { return } }
}
