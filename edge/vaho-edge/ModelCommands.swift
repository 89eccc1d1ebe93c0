internal import Console
internal import EdgeDaemon
internal import Forecasting
internal import Measures
internal import Observing
internal import Releases
internal import Runtime
internal import Signing
internal import Text
internal import TrustedReleases
internal import Wire

extension Program.Command {
    static let modelShow = Program.Command(
        "model show", "the release in use, the last good one, and those rejected", usage: "[--format FORMAT]",
        options: [.config, OutputFormat.option]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let settings = try EdgeSettings.read(arguments, sensorsNeeded: false)
        let intake = ModelIntake(
            folder: settings.stateFolder, keyFile: settings.releaseKeyFile, pretrained: settings.pretrainedFile, access: .readOnly,
            log: Log("vaho-edge", minimumLevel: .error))
        await intake.load()
        guard let active = intake.active.current else {
            throw CommandFailure("no release is in use: the damped anomaly method forecasts until the cloud sends a release")
        }
        let (header, slots) = (active.release.header, await intake.slots)
        var table = Table([.text("field"), .text("value")])
        for (field, value) in [
            ("model", header.modelID), ("counter", String(header.counter)), ("sha256", Hexadecimal.text(active.name.sha256)),
            ("created", RFC3339.format(ms: header.createdAt.ms)), ("expires", RFC3339.format(ms: header.expiresAt.ms)),
            ("hidden units", "\(active.release.network.shape.first), \(active.release.network.shape.second)"),
            ("snapshot", header.provenance.snapshot), ("code", header.provenance.codeVersion), ("parent", header.provenance.parent),
            ("backtest", header.provenance.backtest),
            ("in use since", slots.active.map { $0.since.ms > 0 ? RFC3339.format(ms: $0.since.ms) : "" } ?? ""),
            ("last good", slots.active == nil ? "" : slots.lastGood.map { String($0.counter) } ?? "the shipped release"),
            ("highest counter", String(slots.acceptedCounter)),
            ("trusted keys", try keys(settings)),
        ] { table.addRow([field, value]) }
        for rejection in slots.rejected {
            table.addRow([
                "rejected",
                "release \(rejection.release.counter) at \(RFC3339.format(ms: rejection.at.ms)), \(rejection.reason.name): \(rejection.detail)",
            ])
        }
        table.write(format)
    }

    /// One line with the ids of the trusted keys, and with the serial of the key set if there is one.
    private static func keys(_ settings: EdgeSettings) throws -> String {
        let ring = try KeyFiles(folder: settings.stateFolder, configured: settings.releaseKeyFile).ring()
        let ids = ring.releaseKeys.map { $0.idText }.joined(separator: " ")
        return (ids.isEmpty ? "none" : ids) + (ring.keySet.map { ", key set \($0.serial)" } ?? "")
    }

    static let modelTrust = Program.Command(
        "model trust", "trust releases signed by the keys in FILE", usage: "FILE", options: [.config], positional: 1...1
    ) { arguments in
        let settings = try EdgeSettings.read(arguments, sensorsNeeded: false)
        let path = arguments.positional[0]
        let keys = try ReleaseKeyFile.keys(String(decoding: Files.read(path, limit: 65_536), as: UTF8.self), path: path)
        try KeyFiles(folder: settings.stateFolder, configured: nil).replacePinned(ReleaseKeyFile.text(keys))
        StandardOutput.write("\(keys.count == 1 ? "1 key is" : "\(keys.count) keys are") trusted for releases\n")
    }
}
