internal import Console
internal import Glibc
internal import Runtime

/// Asks for a password: on a terminal twice and without showing it, else one line of standard input.
enum PasswordPrompt {
    static func read(for name: String) throws -> String {
        guard isatty(STDIN_FILENO) == 1 else {
            guard let line = readLine(strippingNewline: true), !line.isEmpty else {
                throw CommandFailure("no password on standard input: expected one line")
            }
            return line
        }
        let first = hiddenLine("password of \(name): ")
        guard first == hiddenLine("again: ") else { throw CommandFailure("the two passwords differ: nothing was changed") }
        return first
    }

    private static func hiddenLine(_ prompt: String) -> String {
        StandardError.write(prompt)
        var shown = termios()
        tcgetattr(STDIN_FILENO, &shown)
        var hidden = shown
        hidden.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown)
            StandardError.write("\n")
        }
        return readLine(strippingNewline: true) ?? ""
    }
}
