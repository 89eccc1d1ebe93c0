internal import Archive
internal import Console
internal import Measures
internal import Pipeline
internal import Releases
internal import Runtime
internal import Text
internal import Wire

/// The emergency stop, and blocks of releases.
extension Program.Command {
    static let modelsStop = Program.Command(
        "models stop", "emergency stop: no device gets a release until 'vaho-cloud models go'", usage: "[--reason TEXT]",
        options: [.config, .store, Operator.reasonOption]
    ) { arguments in
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        guard try await archive.stopReleases(by: Operator.attribution(arguments, default: "emergency stop by hand"), now: WallClock.now) else {
            throw CommandFailure("the emergency stop is on already: vaho-cloud models go ends it")
        }
        StandardOutput.write("emergency stop: devices keep the releases that they have; vaho-cloud models go ends the stop\n")
    }

    static let modelsGo = Program.Command("models go", "end the emergency stop", usage: "", options: [.config, .store]) { arguments in
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        guard try await archive.endReleaseStop(by: Operator.attribution("ended by hand"), now: WallClock.now) else {
            throw CommandFailure("no emergency stop is on")
        }
        StandardOutput.write("the emergency stop has ended: devices get releases with their next batches\n")
    }

    static let modelsImport = Program.Command(
        "models import", "store a signed release file, for example one that was signed on another machine", usage: "FILE",
        options: [.config, .store],
        positional: 1...1
    ) { arguments in
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.existing)
        let path = arguments.positional[0]
        let intake = ReleaseImport(archive: archive, signer: try await ReleaseSigner(of: archive, keyFile: settings.signingKeyFile))
        let counter: UInt64
        do {
            counter = try await intake.store(
                Files.read(path, limit: ReleaseFile.limit), by: Operator.attribution("imported by hand"), now: WallClock.now)
        } catch let error as ReleaseRefusal {
            throw CommandFailure("\(path): \(error)")
        }
        StandardOutput.write("release \(counter) is stored: vaho-cloud rollout start \(counter) gives it to the devices\n")
    }

    static let modelsBlock = Program.Command(
        "models block", "never give a release to a device again", usage: "COUNTER [--reason TEXT]",
        options: [.config, .store, Operator.reasonOption],
        positional: 1...1
    ) { arguments in
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        let release = try await existingRelease(arguments.positional[0], archive)
        guard release.aliases.isEmpty else {
            throw CommandFailure(
                "release \(release.name.counter) is in use as \(release.aliases.joined(separator: ", ")): give the devices another release first")
        }
        try await archive.blockRelease(release.name.counter, by: Operator.attribution(arguments, default: "blocked by hand"), now: WallClock.now)
        StandardOutput.write("release \(release.name.counter) is blocked\n")
    }

    static let modelsUnblock = Program.Command(
        "models unblock", "allow a blocked release again", usage: "COUNTER", options: [.config, .store], positional: 1...1
    ) { arguments in
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        let release = try await existingRelease(arguments.positional[0], archive)
        guard try await archive.unblockRelease(release.name.counter, by: Operator.attribution("allowed by hand"), now: WallClock.now) else {
            throw CommandFailure("release \(release.name.counter) is not blocked")
        }
        StandardOutput.write("release \(release.name.counter) may be given to devices again\n")
    }
}
