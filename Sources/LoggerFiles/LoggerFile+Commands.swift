package import Measures
internal import Runtime

/// Parses options and summarises the rows that were left out, for the commands and the cloud's API.
extension LoggerFile {
    package struct InvalidOption: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// Opens the file at a path.
    /// - Parameters:
    ///   - dates: the value of `--dates`.
    ///   - zone: the value of `--zone`.
    ///   - defaultZone: the time zone without `--zone`; `nil`: times without an offset are refused.
    /// - Throws: `InvalidOption`, `UnknownLayout`, `FileError`.
    package init(path: String, dates: String?, zone: String?, defaultZone: TimeZoneRules? = nil, latest: Instant? = nil) throws {
        let options = try Options(dates: dates, zone: zone, defaultZone: defaultZone, latest: latest)
        do { try self.init(try Files.read(path, limit: LoggerFile.byteLimit), options: options) } catch let unknown as UnknownLayout {
            throw UnknownLayout(description: "\(path): \(unknown)")
        }
    }

    private static let byteLimit = 64 << 20
}

extension LoggerFile.Options {
    /// - Parameters: as of `LoggerFile.init(path:dates:zone:defaultZone:latest:)`.
    /// - Throws: `InvalidOption` if an option has no valid value.
    package init(dates: String?, zone: String?, defaultZone: TimeZoneRules? = nil, latest: Instant? = nil) throws(LoggerFile.InvalidOption) {
        let order = try dates.map { (text) throws(LoggerFile.InvalidOption) in
            guard let order = DateOrder(rawValue: text) else {
                throw LoggerFile.InvalidOption(description: "dates=\(text.prefix(40)): expected dmy, mdy or ymd")
            }
            return order
        }
        let rules: TimeZoneRules?
        do { rules = try zone.map { try TimeZoneRules($0) } } catch { throw LoggerFile.InvalidOption(description: "zone: \(error)") }
        self.init(dateOrder: order, zone: rules ?? defaultZone, latest: latest)
    }
}

extension LoggerFile.Result {
    /// A line for each kind of row that was left out, and for the first problems.
    package func omissions(problems shown: Int) -> [String] {
        var lines: [String] = []
        if missing > 0 { lines.append("\(missing) rows without a humidity") }
        if repeated > 0 { lines.append("\(repeated) rows left out: the time of an earlier row") }
        lines += problems.prefix(shown).map { "line \($0.line): \($0.text)" }
        if problemCount > min(shown, problems.count) { lines.append("\(problemCount) lines in all cannot be read") }
        return lines
    }
}
