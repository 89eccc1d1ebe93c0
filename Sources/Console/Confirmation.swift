internal import Glibc
internal import Runtime

/// Asks a person before a command changes something.
package enum Confirmation {
    package static let option = Arguments.Option("yes", "do it without asking")

    /// Returns if the command has the option `--yes`, or if a person at a terminal agrees.
    /// - Throws: `CommandFailure` otherwise.
    package static func ask(_ question: String, _ arguments: Arguments) throws {
        if arguments.hasFlag("yes") { return }
        guard isatty(STDIN_FILENO) == 1 else { throw CommandFailure("nothing was changed: --yes confirms without a question") }
        StandardError.write("\(question) [y/N] ")
        guard ["y", "yes"].contains(readLine()?.lowercased() ?? "") else { throw CommandFailure("nothing was changed") }
    }
}
