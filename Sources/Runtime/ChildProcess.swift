internal import CLinux
internal import Glibc
internal import Synchronization

/// A shell command whose output is read. The command has its own process group, so that all processes it starts can be ended together.
package final class ChildProcess: Sendable {
    package let output: Int32  // the non-blocking read end of the command's standard output
    private let group: pid_t
    private let mark: String  // environment variable value that identifies all processes of this command
    private static let markName = "VAHO_COMMAND_MARK"
    private let status = Mutex<Int32?>(nil)  // the exit code, after the command has ended

    /// - Parameter environment: variables added to this program's environment.
    package init(_ command: String, environment: [String: String] = [:]) throws(FileError) {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe2(&ends, O_CLOEXEC) == 0 else { throw FileError("make a pipe for", command, errno) }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        // The command does not inherit ignored or blocked signals.
        var (all, none) = (sigset_t(), sigset_t())
        unsafe sigfillset(&all)
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var child: pid_t = 0
        let mark = "\(getpid())-\(UInt64.random(in: 0...(.max)))"
        let own = FileModes.inheritedUmask.map { "umask \($0)\n" } ?? ""
        var words = unsafe CStrings(["/bin/sh", "-c", own + command])
        let marked = environment.merging([ChildProcess.markName: mark]) { $1 }
        var variables = unsafe CStrings(ChildProcess.environment(marked))
        let code = unsafe posix_spawn(&child, "/bin/sh", &actions, &attributes, &words.pointers, &variables.pointers)
        unsafe words.free()
        unsafe variables.free()
        close(ends[1])
        guard code == 0 else {
            close(ends[0])
            throw FileError("start", command, code)
        }
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        (output, group, self.mark) = (ends[0], child, mark)
    }

    deinit {
        _ = end()
        close(output)
    }

    /// Sends SIGTERM to the process group and does not wait. May be called from any thread.
    package func stop() { status.withLock { if $0 == nil { Glibc.kill(-group, SIGTERM) } } }

    /// Whether the command has exited. The exited process stays a zombie until `end`, so that no other process gets its group number.
    package var hasEnded: Bool {
        status.withLock { status in
            var info = unsafe siginfo_t()
            return unsafe status != nil || (waitid(P_PID, id_t(group), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_signo == SIGCHLD)
        }
    }

    /// Ends the command and all processes it started: waits 0.2 s for a normal exit, sends SIGTERM, waits 1 s, then kills.
    /// - Returns: the exit code; 128 or more for a signal; 255 if unknown.
    package func end() -> Int32 {
        for tried in 0..<120 where !hasEnded {
            if tried == 20 { stop() }
            usleep(10_000)
        }
        return status.withLock { status in
            if let status { return status }
            Glibc.kill(-group, SIGKILL)  // the command and the processes left in its group
            killDetachedChildren()
            var raw: Int32 = 0
            var code: Int32 = 255
            if unsafe waitpid(group, &raw, 0) == group { code = raw & 0x7F == 0 ? raw >> 8 & 0xFF : 128 + raw & 0x7F }
            status = code
            return code
        }
    }

    /// Kills the command and all processes it started, without waiting.
    package func kill() {
        status.withLock { status in
            guard status == nil else { return }
            Glibc.kill(-group, SIGKILL)
            killDetachedChildren()
        }
    }

    /// Kills child processes that left the process group (setsid, a daemon). The mark in their environment identifies them. They can start others
    /// during the search, so the search repeats until it finds none, at most five times.
    private func killDetachedChildren() {
        let line = Array("\(ChildProcess.markName)=\(mark)".utf8)
        for _ in 0..<5 {
            var found = false
            for name in (try? Files.list("/proc")) ?? [] {
                guard let process = pid_t(name), process != getpid(), process != group,
                    let variables = try? Files.read("/proc/\(process)/environ", limit: 1 << 20),
                    variables.split(separator: 0).contains(where: { $0.elementsEqual(line) })
                else { continue }
                found = Glibc.kill(process, SIGKILL) == 0 || found
            }
            if !found { return }
        }
    }

    private static func environment(_ added: [String: String]) -> [String] {
        var all: [String] = []
        var entry = unsafe environ
        while let variable = unsafe entry.pointee {
            let text = unsafe String(cString: variable)
            if !added.keys.contains(where: { text.hasPrefix($0 + "=") }) { all.append(text) }
            unsafe entry += 1
        }
        return all + added.map { "\($0)=\($1)" }
    }
}

/// An array of C strings that ends with a null pointer; the owner must call `free`.
@unsafe private struct CStrings {
    var pointers: [UnsafeMutablePointer<CChar>?]
    init(_ texts: [String]) { unsafe pointers = texts.map { unsafe strdup($0) } + [nil] }
    func free() { unsafe pointers.forEach { unsafe Glibc.free($0) } }
}
