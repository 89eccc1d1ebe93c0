internal import Glibc

package enum BrokenPipe {
    /// A reader of the log or of a table that goes away is an error of that write, not the program's end. Once, at the start.
    package static func ignore() { signal(SIGPIPE, SIG_IGN) }
}
