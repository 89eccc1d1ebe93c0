package import Measures
package import Text

extension JSONWriter {
    /// - Parameter createdAt: `nil` omits the field.
    package mutating func field(_ key: String, _ release: ReleaseReference?, createdAt: Instant? = nil) {
        guard let release else { return null(key) }
        object(key) { json in
            json.field("counter", release.counter)
            json.field("sha256", Hexadecimal.text(release.sha256))
            if let createdAt { json.field("created_at", RFC3339.format(ms: createdAt.ms)) }
        }
    }
}
