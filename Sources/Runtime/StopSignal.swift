internal import Dispatch
internal import Glibc

/// Ends when SIGTERM or SIGINT comes, and by that ends the program's other services.
package struct StopSignal: Service {
    private let log: Log

    package init(log: Log) { self.log = log }

    package func run() async throws {
        let (signals, received) = AsyncStream.makeStream(of: Int32.self)
        let sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)  // else it ends the process before the source hears of it
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { received.yield(number) }
            source.activate()
            return source
        }
        defer { for source in sources { source.cancel() } }
        for await number in signals {
            log(.info, "stopping", ["signal": number == SIGTERM ? "SIGTERM" : "SIGINT"])
            let log = log
            // A read of a sensor that hangs in the kernel cannot be ended; what is committed is safe.
            DispatchQueue.global().asyncAfter(deadline: .now() + 4) {
                log(.warning, "ended though something still hangs")
                _exit(0)
            }
            return
        }
    }
}
