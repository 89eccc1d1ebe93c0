package import Bytes
internal import Measures

/// References to releases, and rejections, as bytes.
extension ByteWriter {
    package mutating func reference(_ release: ReleaseReference) {
        varint(release.counter)
        raw(release.sha256)
    }

    package mutating func rejection(_ rejection: ReleaseRejection) {
        reference(rejection.release)
        byte(rejection.reason.rawValue)
        zigzag(rejection.at.ms)
        text(rejection.detail)
    }
}

extension ByteReader {
    package mutating func reference() throws(MalformedBytes) -> ReleaseReference {
        ReleaseReference(counter: try varint(), sha256: Array(try raw(32)))
    }

    package mutating func rejection() throws(MalformedBytes) -> ReleaseRejection {
        let release = try reference()
        let start = offset
        guard let reason = ReleaseRejection.Reason(rawValue: try byte()) else { throw MalformedBytes(at: start, "a rejection's reason is 1 to 4") }
        let at = Instant(ms: try zigzag())
        guard Instant.valid.contains(at) else { throw MalformedBytes(at: start, "a time out of range") }
        return ReleaseRejection(release: release, reason: reason, at: at, detail: try text(limit: ReleaseRejection.detailLimit))
    }
}
