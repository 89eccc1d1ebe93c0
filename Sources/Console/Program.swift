internal import Glibc
internal import Runtime
internal import Text

/// A program with commands: finds the one asked for, runs it, turns what it throws into an exit code.
package struct Program: Sendable {
    package struct Command: Sendable {
        let name: String
        let summary: String
        let usage: String  // what follows the name
        let options: [Arguments.Option]
        let positional: ClosedRange<Int>
        let run: @Sendable (Arguments) async throws -> Void

        package init(
            _ name: String, _ summary: String, usage: String = "", options: [Arguments.Option] = [], positional: ClosedRange<Int> = 0...0,
            run: @escaping @Sendable (Arguments) async throws -> Void
        ) {
            self.name = name
            self.summary = summary
            self.usage = usage
            self.options = options
            self.positional = positional
            self.run = run
        }
    }

    private let name: String
    private let version: String
    private let summary: String
    private let commands: [Command]

    package init(name: String, version: String, summary: String, commands: [Command]) {
        self.name = name
        self.version = version
        self.summary = summary
        self.commands = commands
    }

    /// - Returns: 0 good, 1 failed, 2 wrong use.
    package func run(_ words: [String]) async -> Int32 {
        guard let first = words.first else {
            StandardError.write(help)
            return 2
        }
        if ["help", "--help", "-h"].contains(first), words.count == 1 {
            StandardOutput.write(help)
            return 0
        }
        if ["version", "--version"].contains(first) {
            StandardOutput.write("\(name) \(version)\n")
            return 0
        }
        // A command's name may be two words, `device add`.
        let pair = words.prefix(2).joined(separator: " ")
        guard let command = commands.first(where: { $0.name == pair }) ?? commands.first(where: { $0.name == first }) else {
            let nearest = NearestWord.of(pair, in: commands.map(\.name)) ?? NearestWord.of(first, in: commands.map(\.name))
            StandardError.write(
                "\(name): «\(PrintableText.line(first, limit: 80))» is not a command\(nearest.map { ": did you mean «\($0)»?" } ?? ""); \(name) --help lists them\n"
            )
            return 2
        }
        let rest = words.dropFirst(command.name == pair ? 2 : 1)
        if rest.contains("--help") {
            StandardOutput.write(help(command))
            return 0
        }
        do {
            try await command.run(Arguments(rest, options: command.options, positional: command.positional))
            return 0
        } catch let error as WrongUse {
            StandardError.write("\(name) \(command.name): \(PrintableText.text("\(error)"))\n")
            return 2
        } catch is CancellationError {
            return 0
        } catch {
            StandardError.write("\(name) \(command.name): \(PrintableText.text("\(error)"))\n")
            return 1
        }
    }

    private var help: String {
        var text = "\(summary)\n\nusage: \(name) COMMAND [OPTION…]\n\n"
        let width = commands.map { $0.name.count }.max() ?? 0
        for command in commands { text += "  \(command.name)\(String(repeating: " ", count: width - command.name.count + 2))\(command.summary)\n" }
        return text + "\n\(name) COMMAND --help tells more of one.\n"
    }

    private func help(_ command: Command) -> String {
        var text = "\(command.summary)\n\nusage: \(name) \(command.name)\(command.usage.isEmpty ? "" : " " + command.usage)\n"
        if !command.options.isEmpty { text += "\n" }
        let lines = command.options.map { (head: "--\($0.name)\($0.value.map { " " + $0 } ?? "")", help: $0.help) }
        let width = lines.map { $0.head.count }.max() ?? 0
        for line in lines { text += "  \(line.head)\(String(repeating: " ", count: width - line.head.count + 2))\(line.help)\n" }
        return text
    }
}
