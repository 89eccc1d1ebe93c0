internal import Archive
internal import Console
internal import Glibc

/// The author of a change that a command makes: the history of releases and runs stores this name.
enum Operator {
    /// The name of the user account. If the command runs with sudo, the name of the account that called sudo.
    static var name: String {
        for variable in ["SUDO_USER", "USER", "LOGNAME"] {
            if let name = ProcessEnvironment.all[variable], !name.isEmpty { return String(name.prefix(64)) }
        }
        return "uid \(getuid())"
    }

    private static var host: String {
        var name = utsname()
        uname(&name)
        return withUnsafeBytes(of: name.nodename) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    static let reasonOption = Arguments.Option("reason", value: "TEXT", "why; kept in the history")

    static func attribution(_ arguments: Arguments, default reason: String) -> Archive.Attribution {
        attribution(arguments.value("reason") ?? reason)
    }

    /// The author of a command without `--reason`.
    static func attribution(_ reason: String) -> Archive.Attribution {
        Archive.Attribution(author: name, origin: "command on \(host)", reason: String(reason.prefix(500)))
    }
}
