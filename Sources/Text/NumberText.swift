/// Numbers as text, without a locale.
package enum NumberText {
    /// A number with exactly `places` (0 to 9) digits after the point, ties away from zero. `nil` if not finite or above 9·10¹² in magnitude.
    package static func fixed(_ value: Double, places: Int) -> String? {
        guard value.magnitude <= 9e12, (0...9).contains(places) else { return nil }
        var unit: Int64 = 1
        for _ in 0..<places { unit *= 10 }
        let product = value.magnitude * Double(unit)
        guard product < 9e18 else { return nil }
        let scaled = Int64(product + 0.5)
        let sign = value < 0 && scaled != 0 ? "-" : ""
        guard places > 0 else { return sign + String(scaled) }
        let fraction = String(scaled % unit)
        return sign + String(scaled / unit) + "." + String(repeating: "0", count: places - fraction.utf8.count) + fraction
    }

    /// A whole number of thousandths as a decimal without trailing zeros: 45100 is `45.1`.
    package static func thousandths(_ value: Int64) -> String {
        let whole = value / 1_000
        var fraction = String((value % 1_000).magnitude)
        if fraction == "0" { return String(whole) }
        fraction = String(repeating: "0", count: 3 - fraction.utf8.count) + fraction
        while fraction.utf8.last == 48 { fraction.removeLast() }
        return (value < 0 && whole == 0 ? "-0" : String(whole)) + "." + fraction
    }

    /// Parses a finite decimal number with a point, without spaces, with at most one sign `-` or `+`.
    package static func decimal(_ text: some StringProtocol) -> Double? {
        guard text.utf8.allSatisfy({ (43...46).contains($0) || (48...57).contains($0) || $0 == 69 || $0 == 101 }),
            let value = Double(text), value.isFinite
        else { return nil }
        return value
    }

    /// A size such as 12.3 KB or 4.0 MB: powers of 1000, one digit after the point.
    package static func bytes(_ count: Int64) -> String {
        let units = ["B", "KB", "MB", "GB", "TB"]
        var value = Double(count)
        var unit = 0
        while value >= 999.95, unit < units.count - 1 {
            value /= 1_000
            unit += 1
        }
        return (fixed(value, places: unit == 0 ? 0 : 1) ?? "0") + " " + units[unit]
    }
}
