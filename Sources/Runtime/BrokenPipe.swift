internal import Glibc

package enum BrokenPipe {
    /// Ignores SIGPIPE: if the reader of the log or of an output closes its end, the write fails and the program continues. Call once, at the
    /// start.
    package static func ignore() { signal(SIGPIPE, SIG_IGN) }
}
