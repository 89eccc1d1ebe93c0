internal import Measures
internal import Text

/// A CSV file that lists devices to be enrolled: `name,tags,place`, tags separated by blanks. Only the column `name` is needed.
package enum EnrolmentList {
    package struct Malformed: Error, Equatable, CustomStringConvertible {
        package let line: Int
        package let problem: String
        package var description: String { "line \(line): \(problem)" }
    }

    package static func devices(in text: String) throws(Malformed) -> [Archive.NewDevice] {
        let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        let header = CSV.fields(of: lines.first.map { $0.utf8.starts(with: TextLines.byteOrderMark) ? $0.dropFirst() : $0 } ?? "").map {
            $0.trimmingBlanks().lowercased()
        }
        let known = ["name", "tags", "place"]
        guard header.contains("name"), header.allSatisfy(known.contains), Set(header).count == header.count else {
            throw Malformed(line: 1, problem: "expected a header with the columns name, tags and place, such as name,tags,place")
        }
        var devices: [Archive.NewDevice] = []
        for (index, line) in lines.enumerated().dropFirst() where !line.allSatisfy(\.isWhitespace) {
            let fields = CSV.fields(of: line).map { $0.trimmingBlanks() }
            guard fields.count == header.count else {
                throw Malformed(line: index + 1, problem: "expected \(header.count) fields, found \(fields.count)")
            }
            func field(_ name: String) -> String { header.firstIndex(of: name).map { fields[$0] } ?? "" }
            do {
                let tags = field("tags").split(separator: " ").map(String.init)
                devices.append(try device(name: field("name"), tags: tags, place: field("place")))
            } catch { throw Malformed(line: index + 1, problem: "\(error)") }
        }
        if let twice = firstRepetition(in: devices) {
            throw Malformed(line: 1, problem: "\(devices[twice].name) is listed twice")
        }
        return devices
    }

    /// A wrong name, tag or place of a device.
    package struct Invalid: Error, CustomStringConvertible {
        package let field: String  // such as `name` or `tags/1`
        package let description: String
    }

    package static func device(name: String, tags: [String], place: String) throws(Invalid) -> Archive.NewDevice {
        guard let id = DeviceID(name) else {
            throw Invalid(field: "name", description: "name «\(PrintableText.line(name, limit: 64))»: expected \(DeviceID.syntax)")
        }
        guard tags.count <= Archive.tagsPerDevice else { throw Invalid(field: "tags", description: "expected at most \(Archive.tagsPerDevice) tags") }
        for (index, tag) in tags.enumerated() where !ReleaseAlias.isTag(tag) {
            throw Invalid(field: "tags/\(index)", description: "tag «\(PrintableText.line(tag, limit: 64))»: expected \(DeviceID.syntax)")
        }
        if let problem = DevicePlace.problem(with: place) { throw Invalid(field: "place", description: "place: \(problem)") }
        return Archive.NewDevice(name: id, tags: tags, place: place)
    }

    /// The index of the first device that repeats the name of an earlier device.
    package static func firstRepetition(in devices: [Archive.NewDevice]) -> Int? {
        var names: Set<DeviceID> = []
        return devices.firstIndex { !names.insert($0.name).inserted }
    }

    /// The codes as CSV, for a spreadsheet or a label printer.
    package static func csv(_ devices: [Archive.NewDevice], codes: [String]) -> String {
        zip(devices, codes).reduce("name,code,tags,place\n") { text, entry in
            let (device, code) = entry
            return text + [device.name.name, code, device.tags.joined(separator: " "), device.place].map(CSV.field).joined(separator: ",") + "\n"
        }
    }
}
