internal import Access
internal import Archive
internal import Console
internal import Measures
internal import Runtime
internal import Text

private func accessName(_ arguments: Arguments) throws -> String {
    let name = arguments.positional[0]
    guard Archive.isAccessName(name) else {
        throw UsageError("«\(PrintableText.line(name, limit: 80))» is not a name: expected \(Archive.accessNameSyntax)")
    }
    return name
}

private func role(_ arguments: Arguments) throws -> Role {
    guard let text = arguments.value("role") else { throw UsageError("--role is missing: expected viewer or admin") }
    guard let role = Role(rawValue: text) else { throw UsageError("--role=\(text): expected viewer or admin") }
    return role
}

private let roleOption = Arguments.Option("role", value: "ROLE", "viewer: reads; admin: also changes devices, releases, users and tokens")

/// Hashes a new password.
private func newPassword(of name: String) throws -> PasswordHash {
    let password = try PasswordPrompt.read(for: name)
    if let problem = PasswordHash.problem(with: password, of: name) { throw CommandFailure(problem) }
    return try PasswordHash(password)
}

/// The people who may sign in.
extension Program.Command {
    static let userAdd = Program.Command(
        "user add", "add a user; the password is asked for, or read from standard input", usage: "NAME --role ROLE [--reason TEXT]",
        options: [.config, .store, roleOption, Operator.reasonOption], positional: 1...1
    ) { arguments in
        let (name, role) = (try accessName(arguments), try role(arguments))
        let archive = try await CloudSettings.read(arguments).archive(.createIfMissing)
        guard try await archive.person(named: name) == nil else { throw Archive.AccessFault.personExists(name) }
        try await archive.addPerson(
            name, role, newPassword(of: name), by: Operator.attribution(arguments, default: "added by hand"), now: WallClock.now)
        StandardOutput.write("\(name) may sign in with the role \(role.rawValue)\n")
    }

    static let userPassword = Program.Command(
        "user passwd", "change a user's password, and end the user's sessions", usage: "NAME [--reason TEXT]",
        options: [.config, .store, Operator.reasonOption], positional: 1...1
    ) { arguments in
        let name = try accessName(arguments)
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        guard try await archive.person(named: name) != nil else { throw Archive.AccessFault.noPerson(name) }
        try await archive.setPassword(
            of: name, newPassword(of: name), by: Operator.attribution(arguments, default: "changed by hand"), now: WallClock.now)
        StandardOutput.write("the password of \(name) is changed, and the sessions of \(name) have ended\n")
    }

    static let userRemove = Program.Command(
        "user remove", "remove a user, and end the user's sessions", usage: "NAME [--reason TEXT]",
        options: [.config, .store, Operator.reasonOption], positional: 1...1
    ) { arguments in
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        try await archive.removePerson(
            arguments.positional[0], by: Operator.attribution(arguments, default: "removed by hand"), now: WallClock.now)
        StandardOutput.write("\(arguments.positional[0]) may not sign in any more\n")
    }

    static let userList = Program.Command(
        "user list", "list the users and their roles", usage: "[--format FORMAT]", options: [.config, .store, OutputFormat.option]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        var table = Table([.text("user"), .text("role"), .time("created_at", heading: "created")])
        for person in try await archive.people() { table.addRow([person.name, person.role.rawValue, RFC3339.format(ms: person.createdAt.ms)]) }
        table.write(format)
    }
}

/// Tokens for the API.
extension Program.Command {
    static let tokenCreate = Program.Command(
        "token create", "make a token for the API and show it, only once", usage: "NAME --role ROLE [--expires 90d] [--reason TEXT]",
        options: [
            .config, .store, roleOption, Operator.reasonOption,
            Arguments.Option("expires", value: "DURATION", "how long the token is valid (default: without end)"),
        ], positional: 1...1
    ) { arguments in
        let (name, role) = (try accessName(arguments), try role(arguments))
        let lifetime = try arguments.duration("expires")
        if let lifetime, lifetime <= .zero { throw UsageError("--expires: expected more than 0") }
        let archive = try await CloudSettings.read(arguments).archive(.createIfMissing)
        let token = try await archive.addAPIToken(
            name, role, expiresAt: lifetime.map { WallClock.now + $0 }, by: Operator.attribution(arguments, default: "created by hand"),
            now: WallClock.now)
        StandardOutput.write("\(token)\n")
    }

    static let tokenList = Program.Command(
        "token list", "list the tokens for the API, without the secrets", usage: "[--format FORMAT]",
        options: [.config, .store, OutputFormat.option]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        var table = Table([
            .text("token"), .text("role"), .text("state"), .time("created_at", heading: "created"), .time("expires_at", heading: "expires"),
            .time("used_at", heading: "last use"), .text("author", isOmittable: true),
        ])
        func time(_ instant: Instant?) -> String { instant.map { RFC3339.format(ms: $0.ms) } ?? "" }
        for token in try await archive.apiTokens() {
            let isExpired = token.expiresAt.map { $0 <= WallClock.now } ?? false
            table.addRow([
                token.name, token.role.rawValue, isExpired ? "expired" : "valid", time(token.createdAt), time(token.expiresAt), time(token.usedAt),
                token.author,
            ])
        }
        table.write(format)
    }

    static let tokenRevoke = Program.Command(
        "token revoke", "make a token for the API invalid", usage: "NAME [--reason TEXT]", options: [.config, .store, Operator.reasonOption],
        positional: 1...1
    ) { arguments in
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        try await archive.revokeAPIToken(
            arguments.positional[0], by: Operator.attribution(arguments, default: "revoked by hand"), now: WallClock.now)
        StandardOutput.write("the token \(arguments.positional[0]) is not valid any more\n")
    }

    static let audit = Program.Command(
        "audit", "who has changed what, from where, and why, oldest first", usage: "[--text TEXT] [--limit NUMBER] [--format FORMAT]",
        options: [
            .config, .store, OutputFormat.option,
            Arguments.Option("text", value: "TEXT", "only entries whose author, action or subject contains this"),
            Arguments.Option("limit", value: "NUMBER", "only the newest entries (default 100)"),
        ]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let limit = try arguments.integer("limit", in: 1...1_000_000) ?? 100
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        let entries = try await archive.audit(containing: arguments.value("text") ?? "", limit: limit).reversed()
        var table = Table([
            .time("at"), .text("author"), .text("action"), .text("subject"), .text("detail", isOmittable: true), .text("reason", isOmittable: true),
            .text("origin", isOmittable: true),
        ])
        for entry in entries {
            table.addRow([
                RFC3339.format(ms: entry.at.ms), entry.author, entry.action, entry.subject, entry.detail, entry.reason, entry.origin,
            ])
        }
        table.write(format)
    }
}
