internal import Runtime

/// The bytes that the process has written to storage, as counted by the kernel.
struct WrittenBytes: Sendable {
    private let start: (bytes: Int64, atMs: Int64)?

    init() { start = WrittenBytes.kernelByteCount().map { ($0, BootTime.nowMs) } }

    struct Rate: Sendable, Equatable {
        let bytes: Int64
        let seconds: Int64
        var bytesPerDay: Int64 { seconds > 0 ? Int64(Double(bytes) / Double(seconds) * 86_400) : 0 }
    }

    /// The rate since the start; `nil` in the first ten minutes, or if the kernel does not count.
    func rate() -> Rate? {
        guard let start, let now = WrittenBytes.kernelByteCount() else { return nil }
        let seconds = (BootTime.nowMs - start.atMs) / 1_000
        return seconds >= 600 ? Rate(bytes: now - start.bytes, seconds: seconds) : nil
    }

    private static func kernelByteCount() -> Int64? {
        guard let text = try? Files.read("/proc/self/io", limit: 4_096) else { return nil }
        let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("write_bytes: ") }
        return line.flatMap { Int64($0.dropFirst(13)) }
    }
}
