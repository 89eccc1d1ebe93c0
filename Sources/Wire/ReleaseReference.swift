/// A reference to a release.
package struct ReleaseReference: Sendable, Hashable {
    package var counter: UInt64
    package var sha256: [UInt8]  // 32 bytes, of the whole file

    package init(counter: UInt64, sha256: [UInt8]) {
        self.counter = counter
        self.sha256 = sha256
    }
}
