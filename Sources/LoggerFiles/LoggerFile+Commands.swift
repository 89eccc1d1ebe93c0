package import Measures
internal import Runtime

/// What the commands of both programs share: their options, and the summary that a person checks.
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
        let order = try dates.map { (text) throws(InvalidOption) in
            guard let order = DateOrder(rawValue: text) else { throw InvalidOption(description: "--dates=\(text): expected dmy, mdy or ymd") }
            return order
        }
        let rules: TimeZoneRules?
        do { rules = try zone.map { try TimeZoneRules($0) } } catch { throw InvalidOption(description: "--zone: \(error)") }
        let options = Options(dateOrder: order, zone: rules ?? defaultZone, latest: latest)
        do { try self.init(try Files.read(path, limit: LoggerFile.byteLimit), options: options) } catch let unknown as UnknownLayout {
            throw UnknownLayout(description: "\(path): \(unknown)")
        }
    }

    private static let byteLimit = 64 << 20
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
