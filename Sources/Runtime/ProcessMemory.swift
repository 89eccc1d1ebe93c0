internal import CLinux
internal import Glibc

/// Reduces the memory use of the process.
package enum ProcessMemory {
    /// Uses one malloc arena and returns freed memory to the system. Call once, first in the program.
    package static func limitMallocArenas() { clinux_lean_memory() }

    /// Releases mapped code that was needed only at the start: code of the program, and of the libraries behind curl and the HTTP server. The
    /// kernel reloads code from the page cache at its next use.
    ///
    /// Affects only executable, private, file-backed ranges: their pages are never written, so no data can be lost.
    package static func releaseUnusedCode() {
        guard let maps = try? Files.read("/proc/self/maps", limit: 1 << 20) else { return }
        for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count >= 6, fields[1] == "r-xp", fields[5].hasPrefix("/") else { continue }
            let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2, let start = unsafe UnsafeMutableRawPointer(bitPattern: ends[0]) else { continue }
            unsafe madvise(start, Int(ends[1] - ends[0]), MADV_DONTNEED)
        }
    }
}
