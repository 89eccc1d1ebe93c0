internal import CLinux
internal import Glibc

/// For a program that wants to be small.
package enum ProcessMemory {
    /// Once, at the very start: one arena, and freed memory given back.
    package static func makeLean() { clinux_lean_memory() }

    /// Lets go of the code that is mapped but was needed only at the start: of the program and of the libraries behind curl
    /// and the HTTP server. What is still needed comes back from the page cache at its next use.
    ///
    /// Only executable, private, file-backed ranges: their pages are never written, so nothing can be lost.
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
