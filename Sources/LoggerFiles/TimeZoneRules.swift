internal import Runtime
internal import Text

/// A time zone: a fixed offset from UTC, or the rules of a place from the system's database (package tzdata).
package struct TimeZoneRules: Sendable, Equatable {
    package let name: String
    private let starts: [Int64]  // seconds since 1970, ascending
    private let offsets: [Int64]  // seconds east of UTC; the first one is valid before all starts
    private let endsWithRule: Bool  // clocks change after the last start, too

    package static let utc = TimeZoneRules(name: "UTC", offset: 0)
    package static let syntax = "UTC, an offset such as +01:00, or a place such as Europe/Helsinki"

    private init(name: String, offset: Int64) { (self.name, starts, offsets, endsWithRule) = (name, [], [offset], false) }

    package struct Unknown: Error, CustomStringConvertible {
        package let description: String
    }

    /// - Parameter folder: the folder of the system's time zone files.
    package init(_ text: String, folder: String = "/usr/share/zoneinfo") throws(Unknown) {
        if let offset = TimeZoneRules.fixedOffset(text) {
            self.init(name: text, offset: offset)
            return
        }
        let isName = text.utf8.allSatisfy { byte in
            (65...90).contains(byte) || (97...122).contains(byte) || (48...57).contains(byte) || Array("/_-+".utf8).contains(byte)
        }
        guard isName, !text.isEmpty, text.utf8.first != 47 else {
            throw Unknown(description: "«\(PrintableText.line(text, limit: 60))» is not a time zone: expected \(TimeZoneRules.syntax)")
        }
        guard let file = try? Files.read("\(folder)/\(text)", limit: 1 << 20) else {
            let remedy = Files.exists(folder) ? "expected \(TimeZoneRules.syntax)" : "this host has no time zones: install the package tzdata"
            throw Unknown(description: "the time zone \(text) is not known: \(remedy)")
        }
        guard let parsed = TimeZoneRules(name: text, file: file) else {
            throw Unknown(description: "\(folder)/\(text) is not a time zone file (TZif, version 2 or later)")
        }
        self = parsed
    }

    /// `UTC`, `Z`, `+01:00`, `UTC-4`: seconds east of UTC.
    private static func fixedOffset(_ text: String) -> Int64? {
        guard let time = TimeText.parse("1970-01-01 00:00 " + text, .yearMonthDay) else { return nil }
        return time.offset
    }

    /// Reads a TZif file (RFC 8536), version 2 or later.
    private init?(name: String, file: [UInt8]) {
        func number(_ at: Int, _ count: Int) -> Int64? {
            guard at >= 0, at + count <= file.count else { return nil }
            let bits = file[at..<at + count].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return count == 4 ? Int64(Int32(truncatingIfNeeded: Int64(bitPattern: bits))) : Int64(bitPattern: bits)
        }
        func counts(_ at: Int) -> [Int]? {
            guard file.count >= at + 44, file[at..<at + 4].elementsEqual("TZif".utf8) else { return nil }
            return (0..<6).compactMap { number(at + 20 + 4 * $0, 4).flatMap { (0...100_000).contains($0) ? Int($0) : nil } }
        }
        // The first block has times of 32 bits; the second one, after it, has times of 64 bits.
        guard file.count > 4, file[4] >= 50, let first = counts(0), first.count == 6 else { return nil }
        let header = 44 + first[3] * 5 + first[4] * 6 + first[5] + first[2] * 8 + first[1] + first[0]
        guard let second = counts(header), second.count == 6, second[4] > 0 else { return nil }
        let (times, types) = (header + 44, second[3])
        var starts: [Int64] = [], offsets: [Int64] = []
        func offset(ofType type: Int) -> Int64? { number(times + types * 9 + type * 6, 4) }
        guard let initial = offset(ofType: 0) else { return nil }
        offsets.append(initial)
        for index in 0..<types {
            guard let start = number(times + index * 8, 8), let type = number(times + types * 8 + index, 1), type < second[4],
                let offset = offset(ofType: Int(type)), starts.last.map({ $0 < start }) ?? true
            else { return nil }
            starts.append(start)
            offsets.append(offset)
        }
        let footer = times + types * 9 + second[4] * 6 + second[5] + second[2] * 12 + second[1] + second[0]
        guard footer <= file.count else { return nil }
        (self.name, self.starts, self.offsets, endsWithRule) = (name, starts, offsets, file[footer...].contains(44))
    }

    /// The offset at an instant; `nil` after the end of the data.
    private func offset(at seconds: Int64) -> Int64? {
        guard let last = starts.last, seconds >= last else { return offsets[starts.firstIndex { $0 > seconds } ?? 0] }
        return endsWithRule ? nil : offsets[starts.count]
    }

    /// The instants (seconds since 1970) that a clock on the wall shows as this time, ascending: two when clocks are put back, none when they are
    /// put forward.
    func instants(ofLocal seconds: Int64) -> [Int64] {
        let near = Set([-86_400, 0, 86_400].compactMap { offset(at: seconds + $0) })
        return near.map { seconds - $0 }.filter { offset(at: $0) == seconds - $0 }.sorted()
    }

    /// The instant of a time that clocks have skipped, computed with the offset before the change.
    func instant(ofSkipped seconds: Int64) -> Int64? { offset(at: seconds - 86_400).map { seconds - $0 } }
}
