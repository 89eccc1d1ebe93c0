internal import Archive
internal import Console
internal import Measures
internal import Pipeline
internal import Runtime
internal import Signing
internal import Text
internal import TrustedReleases

/// The keys that sign releases.
extension Program.Command {
    static let keys = Program.Command(
        "keys", "print the public keys with which devices verify releases", options: [.config, .store]
    ) { arguments in
        StandardOutput.write(ReleaseKeyFile.text(try await keyring(arguments).releaseKeys))
    }

    static let keysList = Program.Command(
        "keys list", "list the keys: those that devices trust, and those that are revoked", usage: "[--format FORMAT]",
        options: [.config, .store, OutputFormat.option]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.readOnly)
        let ring = try await archive.keyring()
        let local = Files.exists(settings.signingKeyFile) ? try SigningKeyFile(settings.signingKeyFile).privateKeys.map(\.publicKey) : []
        var table = Table([.text("id"), .text("use"), .text("private_key", heading: "private key"), .text("key", isOmittable: true)])
        for (use, keys) in [
            ("signs releases", ring.releaseKeys), ("root: signs key sets", ring.keySet?.roots ?? []), ("revoked", ring.keySet?.revoked ?? []),
        ] {
            for key in keys { table.addRow([key.idText, use, local.contains(key) ? "in the key file" : "elsewhere", key.hexadecimal]) }
        }
        table.write(format)
        guard format == .table, let set = try await archive.keySets(limit: 1).first else { return }
        let reach = try await archive.keySetReach(names: 5)
        let missing = reach.missing.isEmpty ? "" : "; not yet: \(reach.missing.joined(separator: ", "))\(reach.missing.count == 5 ? " …" : "")"
        StandardOutput.write(
            """

            key set \(set.serial) of \(RFC3339.format(ms: set.at.ms)) by \(set.author): \(set.reason)
            \(reach.reached) of \(reach.devices) devices have it\(missing)

            """)
    }

    static let keysMake = Program.Command(
        "keys make", "make a private key in FILE and print its public key", usage: "FILE", options: [], positional: 1...1
    ) { arguments in
        let path = arguments.positional[0]
        guard !Files.exists(path) else { throw CommandFailure("\(path) exists: nothing was changed") }
        try SigningKeyFile.make(path)
        StandardOutput.write("public \(try SigningKeyFile(path).lines[0].publicKey.hexadecimal)\n")
    }

    static let keysNew = Program.Command(
        "keys new", "make a new signing key if the old key is permanently lost; every device then needs the new release keys",
        options: [.config, .store]
    ) { arguments in
        let settings = try CloudSettings.read(arguments)
        guard !Files.exists(settings.signingKeyFile) else { throw CommandFailure("\(settings.signingKeyFile) exists: nothing was changed") }
        let archive = try await settings.archive(.createIfMissing)
        try SigningKeyFile.make(settings.signingKeyFile)
        let key = try SigningKeyFile(settings.signingKeyFile).lines[0].publicKey
        try await archive.replaceSigningKey(
            key.hexadecimal, by: Operator.attribution("the old key is lost"), now: WallClock.now)
        StandardOutput.write(ReleaseKeyFile.text([key]))
    }

    static let keysRotate = Program.Command(
        "keys rotate", "add a new signing key; old and new key sign until the old one is revoked", usage: "[--reason TEXT] [--out FILE]",
        options: [.config, .store, Operator.reasonOption, outOption]
    ) { arguments in
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.existing)
        let signer = try await ReleaseSigner(of: archive, keyFile: settings.signingKeyFile)
        var file = try SigningKeyFile(settings.signingKeyFile)
        guard signer.canSign else {
            throw CommandFailure("\(file.path) has no private key: make one with vaho-cloud keys make, and add it with vaho-cloud keys add")
        }
        let privateKeys = try file.privateKeys.map(\.publicKey)
        let trusted = privateKeys.filter(signer.ring.releaseKeys.contains)
        guard trusted.count < 2 else {
            throw CommandFailure("a rotation is in progress: vaho-cloud keys revoke \(trusted[0].idText) ends it")
        }
        // A key of an earlier attempt that was not published is used now.
        let revoked = signer.ring.keySet?.revoked ?? []
        let key = try privateKeys.first { !trusted.contains($0) && !revoked.contains($0) } ?? file.addKey()
        let set = try KeyChanges(archive: archive, signer: signer).adding(key, now: WallClock.now)
        try await publish(set, arguments, archive, signer, default: "rotation")
        StandardOutput.write(
            """
            new key \(key.idText) is in \(file.path): copy the file to the other servers of this archive, and make a backup
            when the devices have the key set (vaho-cloud keys list), revoke the old key: vaho-cloud keys revoke \(trusted[0].idText)

            """)
    }

    static let keysAdd = Program.Command(
        "keys add", "trust a key that is kept on another machine", usage: "KEY [--reason TEXT] [--out FILE]",
        options: [.config, .store, Operator.reasonOption, outOption], positional: 1...1
    ) { arguments in
        try await change(arguments, default: "key added") { changes, now in try changes.adding(try publicKey(arguments), now: now) }
    }

    static let keysRoot = Program.Command(
        "keys root", "add a root key: from then on, only root keys sign changes of the keys", usage: "KEY [--reason TEXT] [--out FILE]",
        options: [.config, .store, Operator.reasonOption, outOption], positional: 1...1
    ) { arguments in
        try await change(arguments, default: "root key added") { changes, now in try changes.addingRoot(try publicKey(arguments), now: now) }
    }

    static let keysRevoke = Program.Command(
        "keys revoke", "stop trusting a key; releases that only this key has signed are signed again", usage: "ID [--reason TEXT] [--out FILE]",
        options: [.config, .store, Operator.reasonOption, outOption], positional: 1...1
    ) { arguments in
        let ring = try await keyring(arguments)
        let text = arguments.positional[0]
        func named(_ keys: [PublicKey]) -> [PublicKey] {
            keys.filter { !text.isEmpty && ($0.idText.hasPrefix(text) || $0.hexadecimal == text) }
        }
        let found = named(ring.releaseKeys + (ring.keySet?.roots ?? []))
        if found.isEmpty, let revoked = named(ring.keySet?.revoked ?? []).first {
            // An earlier attempt may have ended before the key file was changed.
            try updateKeyFile(arguments, ring)
            throw CommandFailure("the key \(revoked.idText) is revoked already")
        }
        guard found.count == 1 else {
            throw CommandFailure("«\(text)» names \(found.count) keys that are trusted: vaho-cloud keys list shows the ids")
        }
        try await change(arguments, default: "key revoked") { changes, now in try changes.revoking(found[0], now: now) }
    }

    static let keysSign = Program.Command(
        "keys sign", "add a signature to a key set, on the machine that has the private key", usage: "FILE --key KEYFILE",
        options: [keyOption], positional: 1...1
    ) { arguments in
        let path = arguments.positional[0]
        var set = try keySet(path)
        for key in try privateKeys(arguments) { try set.sign(with: key) }
        try Files.replace(path, with: Array(set.text.utf8))
        func ids(_ keys: [PublicKey]) -> String { keys.isEmpty ? "none" : keys.map { $0.idText }.joined(separator: " ") }
        StandardOutput.write(
            """
            \(path) is signed: vaho-cloud keys import publishes it
            sign releases  \(ids(set.keys))
            root keys      \(ids(set.roots))
            revoked        \(ids(set.revoked))

            """)
    }

    static let keysImport = Program.Command(
        "keys import", "publish a key set that was signed on another machine", usage: "FILE [--reason TEXT]",
        options: [.config, .store, Operator.reasonOption], positional: 1...1
    ) { arguments in
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.existing)
        let signer = try await ReleaseSigner(of: archive, keyFile: settings.signingKeyFile)
        let set = try keySet(arguments.positional[0])
        // This server's own signature must not make a set valid that somebody has changed on its way.
        do { try signer.ring.checkSignature(of: set) } catch {
            throw CommandFailure("\(arguments.positional[0]): \(error): sign it with vaho-cloud keys sign")
        }
        try await publish(set, arguments, archive, signer, default: "key set imported")
    }

    // MARK: parts

    private static let outOption = Arguments.Option(
        "out", value: "FILE", "write the key set for another machine (vaho-cloud keys sign), instead of publishing it")
    static let keyOption = Arguments.Option("key", value: "KEYFILE", "the file of the private key")

    private static func keyring(_ arguments: Arguments) async throws -> ReleaseKeyring {
        let settings = try CloudSettings.read(arguments)
        do { return try await settings.archive(.readOnly).keyring() } catch ArchiveFault.noArchive {
            return ReleaseKeyring(pinned: try SigningKeyFile(settings.signingKeyFile).lines.map(\.publicKey))
        }
    }

    private static func publicKey(_ arguments: Arguments) throws -> PublicKey {
        let text = arguments.positional[0]
        guard let key = Hexadecimal.bytes(text).flatMap({ PublicKey(bytes: $0) }) else {
            throw UsageError("«\(text)» is not a public key: expected the 64 hexadecimal digits that vaho-cloud keys make prints")
        }
        return key
    }

    static func privateKeys(_ arguments: Arguments) throws -> [PrivateKey] {
        guard let path = arguments.value("key") else { throw UsageError("--key is missing: the file of the private key") }
        let keys = try SigningKeyFile(path).privateKeys
        guard !keys.isEmpty else { throw CommandFailure("\(path) has no private key") }
        return keys
    }

    private static func keySet(_ path: String) throws -> ReleaseKeySet {
        do { return try ReleaseKeySet(String(decoding: Files.read(path, limit: ReleaseKeySet.byteLimit), as: UTF8.self)) } catch let error
            as KeySetRefusal
        { throw CommandFailure("\(path): \(error)") }
    }

    private static func change(
        _ arguments: Arguments, default reason: String, _ set: (KeyChanges, Instant) throws -> ReleaseKeySet
    ) async throws {
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.existing)
        let signer = try await ReleaseSigner(of: archive, keyFile: settings.signingKeyFile)
        let set = try set(KeyChanges(archive: archive, signer: signer), WallClock.now)
        try await publish(set, arguments, archive, signer, default: reason)
    }

    /// Signs a set with the keys of this machine, and publishes it, or writes it to the file of `--out`.
    private static func publish(
        _ unsigned: ReleaseKeySet, _ arguments: Arguments, _ archive: Archive, _ signer: ReleaseSigner, default reason: String
    ) async throws {
        var set = unsigned
        try signer.sign(&set)
        if let path = arguments.value("out") {
            try Files.replace(path, with: Array(set.text.utf8))
            StandardOutput.write("\(path): sign it with vaho-cloud keys sign, then publish it with vaho-cloud keys import\n")
            return
        }
        let instead = "write the change with --out FILE, sign it with vaho-cloud keys sign, publish it with vaho-cloud keys import"
        let count: Int
        do {
            count = try await KeyChanges(archive: archive, signer: signer).publish(
                set, by: Operator.attribution(arguments, default: reason), now: WallClock.now)
        } catch KeySetRefusal.signature(mustBeRoot: true) {
            throw CommandFailure("a root key must sign this change: \(instead)")
        } catch KeySetRefusal.signature(mustBeRoot: false) where set.signatures.isEmpty {
            throw CommandFailure("the private keys are on another machine: \(instead)")
        }
        try updateKeyFile(arguments, try await archive.keyring())
        let again = count == 0 ? "" : "; \(count) \(count == 1 ? "release is" : "releases are") signed again"
        StandardOutput.write("key set \(set.serial) is published, devices fetch it within an hour\(again)\n")
    }

    private static func updateKeyFile(_ arguments: Arguments, _ ring: ReleaseKeyring) throws {
        var file = try SigningKeyFile(try CloudSettings.read(arguments).signingKeyFile)
        try file.follow(ring)
    }
}
