internal import Archive
internal import Console
internal import Measures
internal import Pipeline
internal import Runtime
internal import Text

/// Commands that rename, move, delete and enrol devices.
extension Program.Command {
    static let deviceRename = Program.Command(
        "device rename", "rename a device; its data, token and pins stay, and it may still send under its former name",
        usage: "NAME NEW-NAME [--reason TEXT]", options: [.config, .store, Operator.reasonOption], positional: 2...2
    ) { arguments in
        let (name, new) = (try arguments.deviceName(), try arguments.deviceName(at: 1))
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        try await archive.rename(name, to: new, by: Operator.attribution(arguments, default: "renamed by hand"), now: WallClock.now)
        StandardOutput.write("\(name) is now \(new)\n")
    }

    static let deviceMove = Program.Command(
        "device move", "set the place of a device; the list shows and searches places", usage: "NAME PLACE [--reason TEXT]",
        options: [.config, .store, Operator.reasonOption], positional: 2...2
    ) { arguments in
        let (name, place) = (try arguments.deviceName(), arguments.positional[1])
        if let problem = DevicePlace.problem(with: place) { throw UsageError("PLACE: \(problem)") }
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        try await archive.move(name, to: place, by: Operator.attribution(arguments, default: "moved by hand"), now: WallClock.now)
        StandardOutput.write(place.isEmpty ? "\(name) has no place now\n" : "\(name) is at \(place)\n")
    }

    static let deviceDelete = Program.Command(
        "device delete", "delete a device with all its data: readings, observations, forecasts, and the snapshots that contain them",
        usage: "NAME --confirm NAME [--reason TEXT]",
        options: [.config, .store, Arguments.Option("confirm", value: "NAME", "the device's name again"), Operator.reasonOption], positional: 1...1
    ) { arguments in
        let name = try arguments.deviceName()
        guard arguments.value("confirm") == name.name else {
            throw UsageError("this deletes the device \(name) with all its data: confirm it with --confirm \(name)")
        }
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        let device = try await archive.existingDevice(name)
        try await archive.beginDeletion(of: name, by: Operator.attribution(arguments, default: "deleted by hand"), now: WallClock.now)
        let progress = Progress()
        let rows = try await DeviceDeletions.deleteAll(of: device.id, archive) { progress.show("\($0) rows deleted", stage: "") }
        progress.end()
        StandardOutput.write("\(name) is deleted: \(rows) rows of data. Backups still contain them.\n")
    }

    static let deviceEnrol = Program.Command(
        "device enrol", "create the devices that a CSV file lists (name,tags,place), and print an enrolment code for each as CSV",
        usage: "FILE [--expires 24h] [--reason TEXT]",
        options: [
            .config, .store, Arguments.Option("expires", value: "DURATION", "how long the codes are valid (default 24h)"), Operator.reasonOption,
        ], positional: 1...1
    ) { arguments in
        let path = arguments.positional[0]
        let text = String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self)
        let devices: [Archive.NewDevice]
        do { devices = try EnrolmentList.devices(in: text) } catch { throw CommandFailure("\(path): \(error)") }
        guard (1...Archive.devicesPerEnrolment).contains(devices.count) else {
            throw CommandFailure("\(path): \(devices.count) devices: expected 1 to \(Archive.devicesPerEnrolment)")
        }
        let validity = try arguments.duration("expires") ?? .seconds(86_400)
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        let codes = try await archive.enrol(
            devices, validFor: validity, by: Operator.attribution(arguments, default: "enrolled by hand"), now: WallClock.now)
        StandardOutput.write(EnrolmentList.csv(devices, codes: codes))
    }
}
