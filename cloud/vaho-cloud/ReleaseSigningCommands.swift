internal import Archive
internal import Console
internal import Measures
internal import Pipeline
internal import Releases
internal import Runtime
internal import TrustedReleases

/// Signing releases on a machine of its own.
extension Program.Command {
    static let modelsCandidate = Program.Command(
        "models candidate", "write the candidate of a run into a file that is to be signed on another machine", usage: "RUN --out FILE",
        options: [.config, .store, outFileOption], positional: 1...1
    ) { arguments in
        let out = try outFile(arguments)
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        guard let id = Int64(arguments.positional[0]), let run = try await archive.run(id) else {
            throw CommandFailure("there is no run \(arguments.positional[0]): vaho-cloud runs list shows the runs")
        }
        guard run.outcome == RunOutcome.unsigned.rawValue else {
            throw CommandFailure("run \(id) has no candidate to be signed: its outcome is \(run.outcome.isEmpty ? "not known yet" : run.outcome)")
        }
        guard let bytes = try await archive.candidate(of: id) else {
            throw CommandFailure("the candidate of run \(id) is no longer stored: vaho-cloud train makes a new one")
        }
        try Files.replace(out, with: bytes)
        StandardOutput.write("\(out): sign it with vaho-cloud models sign, then store it with vaho-cloud models import\n")
    }

    static let modelsSign = Program.Command(
        "models sign", "sign a release file with the next counter, on the machine that has the private key", usage: "FILE --key KEYFILE --out FILE",
        options: [keyOption, outFileOption], positional: 1...1
    ) { arguments in
        let (out, path) = (try outFile(arguments), arguments.positional[0])
        let keys = try privateKeys(arguments)
        do {
            let now = WallClock.now
            // After a counter far ahead of the clock, devices would refuse all releases with ordinary counters.
            let highest = UInt64(max(0, now.ms / 1_000)) + 86_400
            let given = try ReleaseTrust.local.open(Files.read(path, limit: ReleaseFile.limit))
            guard given.header.counter < highest else { throw ReleaseRefusal.counterTooHigh(counter: given.header.counter, atMost: highest) }
            let release = given.renewed(counter: UInt64(max(0, now.ms / 1_000)), now: now)
            try Files.replace(out, with: ReleaseSigner.file(release, keys: Array(keys.prefix(2))))
            StandardOutput.write("\(out): release \(release.header.counter), \(release.header.modelID)\n")
        } catch let error as ReleaseRefusal { throw CommandFailure("\(path): \(error)") }
    }

    private static let outFileOption = Arguments.Option("out", value: "FILE", "the file to write")

    private static func outFile(_ arguments: Arguments) throws -> String {
        guard let out = arguments.value("out") else { throw UsageError("--out is missing: the file to write") }
        return out
    }
}
