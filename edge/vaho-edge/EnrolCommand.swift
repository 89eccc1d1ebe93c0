internal import Console
internal import EdgeDaemon
internal import HTTPClient
internal import Runtime
internal import Wire

extension Program.Command {
    static let enrol = Program.Command(
        "enrol", "join a cloud with a one-time code (vaho-cloud device code NAME)", usage: "URL CODE [--config FILE]", options: [.config],
        positional: 2...2
    ) { arguments in
        let (url, code) = (arguments.positional[0], arguments.positional[1])
        let (folder, authorities, problem) = try EdgeSettings.enrolmentSettings(arguments, url: url)
        if let problem { throw UsageError(problem) }
        var trimmed = url
        while trimmed.hasSuffix("/") { trimmed.removeLast() }
        // Check that the folder can be written before the one-time code is used: otherwise the token would be lost.
        try Files.createFolder(folder)
        try Files.replace("\(folder)/.enrol", with: [])
        try Files.remove("\(folder)/.enrol")
        let enrolment = try await EnrolmentFile.fetch(trimmed, code: code, certificateAuthorities: authorities)
        try EnrolmentFile.write(
            enrolment, url: trimmed, folder: folder, extra: authorities.map { [("VAHO_CA_FILE", $0)] } ?? [])
        StandardOutput.write(
            "enrolled as \(enrolment.device) at \(URLText.withoutCredentials(trimmed)); \(EnrolmentFile.path(in: folder)) holds the settings. A running vaho-edge applies them within seconds\n"
        )
    }
}
