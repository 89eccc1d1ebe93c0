internal import Glibc
internal import Runtime
internal import Text

/// A program with commands: finds the requested command, runs it, and converts errors to an exit code.
package struct Program: Sendable {
    package struct Command: Sendable {
        let name: String
        let summary: String
        let usage: String  // the usage text after the command's name
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

    /// - Returns: the exit code: 0 success, 1 failure, 2 wrong arguments.
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
        // A command's name can have two words, such as `device add`.
        let pair = words.prefix(2).joined(separator: " ")
        guard let command = commands.first(where: { $0.name == pair }) ?? commands.first(where: { $0.name == first }) else {
            if let code = group(first, asked: words.dropFirst().first) { return code }
            let nearest = NearestWord.closest(pair, in: commands.map(\.name)) ?? NearestWord.closest(first, in: commands.map(\.name))
            StandardError.write(
                "\(name): «\(PrintableText.line(first, limit: 80))» is not a command\(nearest.map { ": did you mean «\($0)»?" } ?? ""); \(name) --help lists the commands\n"
            )
            return 2
        }
        let rest = words.dropFirst(command.name == pair ? 2 : 1)
        if rest.prefix(while: { $0 != "--" }).contains(where: { $0 == "--help" || $0 == "-h" }) {
            StandardOutput.write(help(command))
            return 0
        }
        do {
            try await command.run(Arguments(rest, options: command.options, positional: command.positional, usage: command.usage))
            return 0
        } catch let error as UsageError {
            StandardError.write("\(name) \(command.name): \(PrintableText.text("\(error)"))\n")
            return 2
        } catch is CancellationError {
            return 0
        } catch {
            StandardError.write("\(name) \(command.name): \(PrintableText.text("\(error)"))\n")
            return 1
        }
    }

    /// Handles «device» and «device --help», where the subcommand is missing.
    /// - Returns: the exit code; `nil` if `first` is not a group of commands.
    private func group(_ first: String, asked second: String?) -> Int32? {
        let members = commands.filter { $0.name.hasPrefix(first + " ") }
        guard !members.isEmpty, second == nil || ["--help", "-h", "help"].contains(second) else { return nil }
        let words = WordList.text(members.map { String($0.name.dropFirst(first.count + 1)) })
        guard second != nil else {
            StandardError.write("\(name) \(first): a subcommand is missing: \(words)\n")
            return 2
        }
        var text = "usage: \(name) \(first) COMMAND [OPTION…]\n\n"
        let width = members.map { $0.name.count }.max() ?? 0
        for member in members { text += Paragraph.text(member.summary, label: "  \(member.name)", indent: width + 4, width: StandardOutput.width) }
        StandardOutput.write(text)
        return 0
    }

    private var help: String {
        let width = StandardOutput.width
        var text = Paragraph.text(summary, width: width) + "\nusage: \(name) COMMAND [OPTION…]\n\n"
        let indent = (commands.map { $0.name.count }.max() ?? 0) + 4
        for command in commands { text += Paragraph.text(command.summary, label: "  \(command.name)", indent: indent, width: width) }
        return text + "\n\(name) COMMAND --help shows the options of a command.\n"
    }

    private func help(_ command: Command) -> String {
        let width = StandardOutput.width
        let usage = command.usage.isEmpty ? "" : " " + command.usage
        var text = Paragraph.text(command.summary, width: width) + "\n"
        text += Paragraph.text("\(name) \(command.name)\(usage)", label: "usage: ", indent: 7, width: width)
        if !command.options.isEmpty { text += "\n" }
        let lines = command.options.map { (head: "  --\($0.name)\($0.value.map { " " + $0 } ?? "")", help: $0.help) }
        let indent = min(28, (lines.map { $0.head.count }.max() ?? 0) + 2)
        for line in lines {
            let fits = line.head.count < indent  // otherwise the help begins on the next line
            text += fits ? "" : line.head + "\n"
            text += Paragraph.text(line.help, label: fits ? line.head : "", indent: indent, width: width)
        }
        return text
    }
}
