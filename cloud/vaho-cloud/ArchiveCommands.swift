internal import Archive
internal import Console
internal import Pipeline
internal import Runtime
internal import Signing
internal import TrustedReleases

extension Program.Command {
    static let backup = Program.Command(
        "backup", "copy archive and key into a folder; the server may keep running", usage: "FOLDER", options: [.config, .store], positional: 1...1
    ) { arguments in
        let settings = try CloudSettings.read(arguments)
        let folder = arguments.positional[0]
        let archive = try await settings.archive(.readOnly)
        try Files.createFolder(folder)
        guard !Files.exists("\(folder)/archive.sqlite") else { throw CommandFailure("\(folder) already has an archive: choose another folder") }
        // The copy is renamed only when the copy is complete: a file with the name archive.sqlite is always a whole backup.
        let copy = "\(folder)/archive.sqlite.part"
        try? Files.remove(copy)
        try await archive.backUp(to: copy)
        try Files.rename(copy, to: "\(folder)/archive.sqlite")
        try SigningKeyFile.copy(from: settings.signingKeyFile, to: "\(folder)/release-signing.key")
        let totals = try await Archive(.sqlite(folder: folder), access: .readOnly).totals()
        StandardOutput.write(
            "\(folder) holds \(totals.devices) devices and \(totals.readings) readings; to restore: vaho-cloud restore \(folder)\n")
    }

    static let restore = Program.Command(
        "restore", "copy a backup into the folder of the archive, which must be empty", usage: "FOLDER", options: [.config, .store], positional: 1...1
    ) { arguments in
        let settings = try CloudSettings.read(arguments)
        let backup = arguments.positional[0]
        guard let folder = settings.store.folder else {
            throw CommandFailure("\(settings.store) is restored by the database's own tools: pg_restore, or the base backup")
        }
        // A write-ahead log without its archive would be applied to the restored file.
        for path in ["\(folder)/archive.sqlite", "\(folder)/archive.sqlite-wal", "\(folder)/archive.sqlite-shm", settings.signingKeyFile]
        where Files.exists(path) {
            throw CommandFailure("\(path) exists and is not overwritten: choose an empty folder, or move the old archive away")
        }
        let source = try await Archive(.sqlite(folder: backup), access: .readOnly)
        try await source.checkIntegrity()
        let key = "\(backup)/release-signing.key"
        guard Files.exists(key) else { throw CommandFailure("\(key) is missing: without the signing key devices trust no new release") }
        let trusted = try await source.keyring().releaseKeys
        guard try trusted.isEmpty || SigningKeyFile(key).lines.contains(where: { trusted.contains($0.publicKey) }) else {
            throw CommandFailure("\(key) is not the key of this archive")
        }
        try Files.createFolder(folder)
        // The archive is renamed last: a file with the name archive.sqlite is always whole, and its key is beside it.
        let copy = "\(folder)/archive.sqlite.part"
        try? Files.remove(copy)
        try await source.backUp(to: copy)
        try SigningKeyFile.copy(from: key, to: settings.signingKeyFile)
        try Files.rename(copy, to: "\(folder)/archive.sqlite")
        let totals = try await Archive(.sqlite(folder: folder), access: .readOnly).totals()
        StandardOutput.write(
            "\(folder) holds \(totals.devices) devices and \(totals.readings) readings. Devices send again what arrived after the backup\n")
    }

    static let rebuild = Program.Command(
        "rebuild", "derive all observations again from the log", options: [.config, .store]
    ) { arguments in
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.existing)
        let reader = try await settings.archive(.readOnly)
        try await archive.requestRederivation(now: WallClock.now)
        let derivation = Derivation(archive: archive, reader: reader, wake: Inbox(limit: 1), log: Log("vaho-cloud"))
        // Running servers may derive at the same time: each step is written only once. A device that another server has claimed is waited for.
        var isDone = false
        while !isDone {
            if try await derivation.step() { continue }
            isDone = try await reader.pendingDevices().isEmpty
            if !isDone { try await Task.sleep(for: .milliseconds(200)) }
        }
        let sensors = try await reader.sensors()
        StandardOutput.write("\(sensors.reduce(0) { $0 + $1.observations }) observations of \(sensors.count) sensors\n")
    }
}
