internal import CLinux
internal import Glibc

/// Writes one logfmt line per event to standard error, in one `write`, after the severity prefix that the journal reads.
package struct Log: Sendable {
    package enum Level: Int, Sendable, Comparable, CaseIterable {
        case error = 3
        case warning = 4
        case info = 6
        case debug = 7
        package static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    private let component: String
    private let minimumLevel: Level

    package init(_ component: String, minimumLevel: Level = .info) {
        self.component = component
        self.minimumLevel = minimumLevel
    }

    package func component(_ name: String) -> Log { Log(name, minimumLevel: minimumLevel) }

    /// - Parameter event: a fixed phrase; variable parts are fields.
    package func callAsFunction(_ level: Level, _ event: String, _ fields: KeyValuePairs<String, any CustomStringConvertible> = [:]) {
        guard level <= minimumLevel else { return }
        var line = StandardError.isTerminal ? Log.terminalHead(level) : "<\(level.rawValue)>"
        line += "\(component): \(event)"
        for (key, value) in fields { line += " \(key)=\(Log.quoted(value.description))" }
        StandardError.write(line + "\n")
    }

    /// Local time, and the level for warnings and errors: a terminal does not add them as the journal does.
    private static func terminalHead(_ level: Level) -> String {
        var (now, local) = (time(nil), unsafe tm())
        unsafe localtime_r(&now, &local)
        func two(_ number: Int32) -> String { (number < 10 ? "0" : "") + String(number) }
        let clock = unsafe "\(two(local.tm_hour)):\(two(local.tm_min)):\(two(local.tm_sec)) "
        return switch level {
        case .error: clock + "error "
        case .warning: clock + "warning "
        case .info, .debug: clock
        }
    }

    /// Characters that move a terminal's cursor, change its colours or reverse the direction of text.
    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<32, 127..<160, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }

    /// The value without quotes if it is one plain word; else in quotes, with control characters escaped, so that an event stays on one line.
    private static func quoted(_ text: String) -> String {
        let limit = 600
        let isPlain = !text.isEmpty && text.utf8.allSatisfy { $0 > 32 && $0 != 34 && $0 != 61 && $0 < 127 }
        if isPlain, text.utf8.count <= limit { return text }
        var quoted = "\""
        for scalar in text.unicodeScalars.prefix(limit) {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case _ where Log.isHidden(scalar): quoted += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

package enum StandardError {
    package static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }
    package static func write(_ text: String) { Descriptor.write(text, to: STDERR_FILENO) }
}

package enum StandardOutput {
    /// - Returns: false if the reader has closed the pipe.
    @discardableResult
    package static func write(_ text: String) -> Bool { Descriptor.write(text, to: STDOUT_FILENO) }
    package static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Line width of output for users: the terminal's, else COLUMNS, else 80; limited to 40 to 1,000.
    package static var width: Int {
        let columns = Int(clinux_terminal_columns(STDOUT_FILENO))
        let columnsVariable = unsafe getenv("COLUMNS").flatMap { unsafe Int(String(cString: $0)) }
        return max(40, min(1_000, columns > 0 ? columns : columnsVariable ?? 80))
    }
}

private enum Descriptor {
    @discardableResult
    static func write(_ text: String, to descriptor: Int32) -> Bool {
        let bytes = Array(text.utf8)
        return unsafe bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let count = unsafe Glibc.write(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done)
                if count < 0 {
                    if errno == EINTR { continue }
                    return false
                }
                done += count
            }
            return true
        }
    }
}
