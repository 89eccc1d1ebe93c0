internal import CLinux
internal import Glibc
internal import Synchronization

/// A shell command whose output is read, in a process group of its own, so that all it starts can be ended with it.
final class ChildProcess: Sendable {
    let output: Int32  // the reading end of its standard output, which does not block
    private let group: pid_t
    private let status = Mutex<Int32?>(nil)  // once it has ended

    /// - Throws: `SensorError` when it cannot be started.
    init(_ command: String) throws(SensorError) {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe2(&ends, O_CLOEXEC) == 0 else { throw SensorError("no pipe for a command: \(ChildProcess.words(errno))") }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        // What this program ignores or holds back, the command shall not.
        var (all, none) = (sigset_t(), sigset_t())
        unsafe sigfillset(&all)
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var child: pid_t = 0
        let code = unsafe "/bin/sh".withCString { shell in
            unsafe "-c".withCString { option in
                unsafe command.withCString { text in
                    var words: [UnsafeMutablePointer<CChar>?] = unsafe [
                        UnsafeMutablePointer(mutating: shell), UnsafeMutablePointer(mutating: option), UnsafeMutablePointer(mutating: text), nil,
                    ]
                    return unsafe posix_spawn(&child, shell, &actions, &attributes, &words, environ)
                }
            }
        }
        close(ends[1])
        guard code == 0 else {
            close(ends[0])
            throw SensorError("the command cannot be started: \(ChildProcess.words(code))")
        }
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        (output, group) = (ends[0], child)
    }

    deinit {
        _ = end()
        close(output)
    }

    /// Asks it to end, without waiting; from anywhere.
    func stop() { if status.withLock({ $0 == nil }) { kill(-group, SIGTERM) } }

    /// Ends it and all it started, waits at most a second before it is made to.
    /// - Returns: its exit code; 128 and more for a signal.
    func end() -> Int32 {
        status.withLock { status in
            if let status { return status }
            var raw: Int32 = 0
            // It may be about to end by itself, and then its exit code says more than our signal.
            for tried in 0..<120 {
                if unsafe waitpid(group, &raw, WNOHANG) != 0 { break }
                if tried == 20 { kill(-group, SIGTERM) }
                if tried == 119 {
                    kill(-group, SIGKILL)
                    _ = unsafe waitpid(group, &raw, 0)
                }
                usleep(10_000)
            }
            kill(-group, SIGKILL)  // what it left behind
            let code = raw & 0x7F == 0 ? raw >> 8 & 0xFF : 128 + raw & 0x7F
            status = code
            return code
        }
    }

    private static func words(_ code: Int32) -> String { unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)" }
}
