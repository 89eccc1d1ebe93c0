internal import Archive
internal import Console
internal import Measures
internal import Pipeline
internal import Runtime
internal import Wire

/// Commands that change which release devices get, or check releases.
extension Program.Command {
    static let modelsPromote = Program.Command(
        "models promote", "make a release the champion", usage: "COUNTER [--reason TEXT]", options: [.config, .store, Operator.reasonOption],
        positional: 1...1
    ) { arguments in
        let name = try await assign(arguments, arguments.positional[0], to: .champion, default: "promoted by hand")
        StandardOutput.write("release \(name.counter) is the champion\n")
    }

    static let modelsRollback = Program.Command(
        "models rollback", "make the champion before the present one the champion again, as a new release", usage: "[--reason TEXT]",
        options: [.config, .store, Operator.reasonOption]
    ) { arguments in
        let (changes, _) = try await releaseChanges(arguments)
        let (earlier, new) = try await changes.rollBack(by: Operator.attribution(arguments, default: "rollback by hand"), now: WallClock.now)
        StandardOutput.write("release \(new.counter), with the network of release \(earlier), is the champion\n")
    }

    static let modelsPin = Program.Command(
        "models pin", "pin a release to one device, or to all devices with a tag", usage: "DEVICE|tag:TAG COUNTER [--reason TEXT]",
        options: [.config, .store, Operator.reasonOption], positional: 2...2
    ) { arguments in
        let alias = try await pinAlias(arguments)
        let name = try await assign(arguments, arguments.positional[1], to: alias, default: "pinned by hand")
        StandardOutput.write("\(alias.name) gets release \(name.counter) with its next batch\n")
    }

    static let modelsUnpin = Program.Command(
        "models unpin", "give a device, or the devices with a tag, the champion again", usage: "DEVICE|tag:TAG [--reason TEXT]",
        options: [.config, .store, Operator.reasonOption], positional: 1...1
    ) { arguments in
        let alias = try await pinAlias(arguments)
        let (changes, _) = try await releaseChanges(arguments)
        guard try await changes.unpin(alias, by: Operator.attribution(arguments, default: "unpinned by hand"), now: WallClock.now) else {
            throw CommandFailure("\(alias.name) is not pinned: vaho-cloud models history shows the pins")
        }
        StandardOutput.write("\(alias.name) gets the champion with its next batch\n")
    }

    static let modelsVerify = Program.Command(
        "models verify", "check the hash, the signature and the golden vectors of a release, or of all releases", usage: "[COUNTER]",
        options: [.config, .store], positional: 0...1
    ) { arguments in
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.readOnly)
        let verifier = ReleaseVerifier(reader: archive, ring: try await archive.keyring())
        var (problems, checked) = (0, 0)
        var page =
            if let text = arguments.positional.first { [try await existingRelease(text, archive)] } else { try await archive.releases(limit: 100) }
        while let last = page.last {
            for release in page {
                checked += 1
                guard let problem = try await verifier.problem(with: release) else { continue }
                problems += 1
                StandardOutput.write("release \(release.name.counter): \(problem)\n")
            }
            page = arguments.positional.isEmpty ? try await archive.releases(before: last.name.counter, limit: 100) : []
        }
        guard problems == 0 else { throw CommandFailure("\(problems) of \(checked) releases would be refused by a device") }
        StandardOutput.write("\(checked) releases verified\n")
    }

    static let modelsReproduce = Program.Command(
        "models reproduce", "train a release again from its snapshot, and compare the bytes", usage: "[COUNTER]", options: [.config, .store],
        positional: 0...1
    ) { arguments in
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.readOnly)
        let release = try await existingRelease(arguments.positional.first, archive)
        let reproduction = Reproduction(reader: archive, pretrained: try settings.pretrained())
        let progress = ProgressWithTime()
        let result = try await reproduction.run(release.name.counter, progress: progress.show)
        progress.end()
        switch result {
        case .same(let bytes): StandardOutput.write("release \(release.name.counter): all \(bytes) bytes before the signatures are the same\n")
        case .different(let byte): throw CommandFailure("release \(release.name.counter): the bytes differ from byte \(byte)")
        case .impossible(let reason): throw CommandFailure("release \(release.name.counter) cannot be trained again: \(reason)")
        }
    }

    private static func releaseChanges(_ arguments: Arguments) async throws -> (ReleaseChanges, Archive) {
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.existing)
        return (ReleaseChanges(archive: archive, signer: try await ReleaseSigner(of: archive, keyFile: settings.signingKeyFile)), archive)
    }

    private static func assign(
        _ arguments: Arguments, _ counter: String, to alias: ReleaseAlias, default reason: String
    ) async throws -> ReleaseReference {
        let (changes, archive) = try await releaseChanges(arguments)
        let release = try await existingRelease(counter, archive)
        return try await changes.assign(
            release.name.counter, to: alias, by: Operator.attribution(arguments, default: reason), now: WallClock.now)
    }

    private static func pinAlias(_ arguments: Arguments) async throws -> ReleaseAlias {
        let text = arguments.positional[0]
        if let alias = ReleaseAlias(name: text), case .tag = alias { return alias }
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        guard let name = DeviceID(text), try await archive.device(named: name) != nil else {
            throw CommandFailure("«\(text)» is neither a device nor tag:TAG: vaho-cloud device list shows all devices")
        }
        return .device(name)
    }
}
