internal import API
internal import Archive
internal import Console
internal import Measures
internal import Pipeline
internal import Runtime
internal import Text
internal import TrustedReleases
internal import Wire

extension Program.Command {
    static let deviceSettings = Program.Command(
        "device settings", "show or change the settings that a device takes from the cloud: periods, rules, places, calibrations",
        usage: "NAME [VAHO_SETTING=VALUE …] [--reason TEXT]", options: [.config, .store, OutputFormat.option, Operator.reasonOption],
        positional: 1...(1 + RemoteSetting.settingLimit)
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let name = try arguments.deviceName()
        let settings = try CloudSettings.read(arguments)
        let changes = try arguments.positional.dropFirst().map(change)
        let archive = try await settings.archive(changes.isEmpty ? .readOnly : .existing)
        let device = try await archive.existingDevice(name)
        if !changes.isEmpty {
            guard try await ReleaseSigner(of: archive, keyFile: settings.signingKeyFile).canSign else {
                throw CommandFailure("\(ReleaseSigner.SettingsNotSigned())")
            }
            var wanted = try await archive.settings(of: device.id)?.settings ?? [:]
            for (name, value) in changes { wanted[name] = value }
            guard wanted.count <= RemoteSetting.settingLimit else {
                throw CommandFailure("a device has at most \(RemoteSetting.settingLimit) settings")
            }
            try await archive.setSettings(wanted, of: name, by: Operator.attribution(arguments, default: "changed by hand"), now: WallClock.now)
        }
        let wanted = try await archive.settings(of: device.id)
        var table = Table([.text("setting"), .text("value")])
        for (name, value) in (wanted?.settings ?? [:]).sorted(by: { $0.key < $1.key }) { table.addRow([name, value]) }
        table.write(format)
        guard format == .table else { return }
        let report = try await archive.view(named: name, now: WallClock.now)?.report
        let state = SettingsState(wanted, report)
        let detail =
            switch state {
            case .none: "the cloud has no settings for \(name)"
            case .waiting: "\(name) fetches the settings after its next batch"
            case .applied: "\(name) has applied the settings"
            case .refused: "\(name) has refused the settings: \(PrintableText.line(report?.settings?.problem ?? "", limit: 300))"
            case .unsupported: "\(name) takes no settings from the cloud: an earlier program, a device without the agent, or VAHO_REMOTE_SETTINGS=off"
            }
        StandardOutput.write("\(detail)\n")
    }

    /// - Returns: the name and the new value of a setting; the value is `nil` if the setting is to be removed.
    private static func change(_ text: String) throws -> (name: String, value: String?) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else {
            throw UsageError("«\(PrintableText.line(text, limit: 80))»: expected VAHO_SETTING=VALUE; without a VALUE the setting is removed")
        }
        guard !parts[1].isEmpty else { return (parts[0], nil) }
        if let problem = RemoteSetting.problem(with: parts[0], parts[1]) { throw UsageError(problem) }
        return (parts[0], parts[1])
    }
}
