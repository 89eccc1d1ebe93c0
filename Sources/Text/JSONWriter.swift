/// Writes JSON (RFC 8259) directly as bytes. The caller writes keys and values in the right order; the writer adds commas.
///
///     var json = JSONWriter()
///     json.object { json in
///         json.field("sensor", "cellar")
///         json.array("humidity_pct") { json in json.number(45.1, places: 1) }
///     }
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init() {}

    package mutating func object(_ fill: (inout JSONWriter) -> Void) { nested(123, 125, fill) }
    package mutating func array(_ fill: (inout JSONWriter) -> Void) { nested(91, 93, fill) }
    package mutating func object(_ key: String, _ fill: (inout JSONWriter) -> Void) {
        name(key)
        object(fill)
    }
    package mutating func array(_ key: String, _ fill: (inout JSONWriter) -> Void) {
        name(key)
        array(fill)
    }

    package mutating func string(_ value: String?) {
        separate()
        if let value { quoted(value) } else { literal("null") }
    }
    package mutating func integer(_ value: (some BinaryInteger)?) {
        separate()
        literal(value.map { String($0) } ?? "null")
    }
    package mutating func bool(_ value: Bool) {
        separate()
        literal(value ? "true" : "false")
    }
    /// A number with at most `places` digits after the point; `null` if not finite.
    package mutating func number(_ value: Double?, places: Int) {
        separate()
        guard let value, var text = NumberText.fixed(value, places: places) else { return literal("null") }
        if places > 0 {
            while text.utf8.last == 48 { text.removeLast() }
            if text.utf8.last == 46 { text.removeLast() }
        }
        literal(text)
    }

    package mutating func field(_ key: String, _ value: String?) {
        name(key)
        string(value)
    }
    package mutating func field(_ key: String, _ value: (some BinaryInteger)?) {
        name(key)
        integer(value)
    }
    package mutating func field(_ key: String, _ value: Bool) {
        name(key)
        bool(value)
    }
    package mutating func field(_ key: String, _ value: Double?, places: Int) {
        name(key)
        number(value, places: places)
    }
    package mutating func null(_ key: String) {
        name(key)
        separate()
        literal("null")
    }

    private mutating func nested(_ open: UInt8, _ close: UInt8, _ fill: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(open)
        needsComma = false
        fill(&self)
        bytes.append(close)
        needsComma = true
    }

    private mutating func name(_ key: String) {
        separate()
        quoted(key)
        bytes.append(58)
        needsComma = false
    }

    private mutating func separate() {
        if needsComma { bytes.append(44) }
        needsComma = true
    }

    private mutating func literal(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func quoted(_ text: String) {
        bytes.append(34)
        for byte in text.utf8 {
            switch byte {
            case 34, 92: bytes.append(contentsOf: [92, byte])
            case 0..<32:
                let hex = Array("0123456789abcdef".utf8)
                bytes.append(contentsOf: [92, 117, 48, 48, hex[Int(byte >> 4)], hex[Int(byte & 15)]])
            default: bytes.append(byte)
            }
        }
        bytes.append(34)
    }
}
