internal import Bytes
internal import Forecasting
internal import Measures

/// The bytes of a release file, `NAME.vaho`, little-endian:
///
///     0   8  magic 89 56 41 48 4F 0D 0A 1A
///     8   2  format version 1     10  2  minor version
///     12  4  content length       16  4  number of sections    20  4  zero
///     24     a table of 16 bytes per section: tag, flags (1: required), offset, length
///            the sections, in the order of the table, without gaps, each padded with zeros to a multiple of 8
///            32  SHA-256 of all bytes before (the content)
///            1   number of signatures, 7 zeros
///            2 × (8 key id, 64 Ed25519 signature of "vaho release 1\0" and the SHA-256); an unused slot is zero
package struct ReleaseFile: Sendable, Equatable {
    package static let limit = ReleaseSections.byteLimit
    static let magic: [UInt8] = [0x89, 0x56, 0x41, 0x48, 0x4F, 0x0D, 0x0A, 0x1A]
    static let version: UInt16 = 1
    /// Bytes at the end of each file that differ if another key signs the same content.
    package static let signaturesLength = 8 + 2 * (8 + 64)
    static let trailerLength = 32 + signaturesLength
    static let signedPrefix = Array("vaho release 1".utf8) + [0]

    package struct Signature: Sendable, Equatable {
        package let keyID: [UInt8]  // 8
        package let signature: [UInt8]  // 64
        package init(keyID: [UInt8], signature: [UInt8]) {
            self.keyID = keyID
            self.signature = signature
        }
    }

    enum Tag: UInt32, CaseIterable {
        case header = 0x4441_4548  // HEAD
        case contract = 0x544E_4F43  // CONT
        case weights = 0x5354_4757  // WGTS
        case calibration = 0x424C_4143  // CALB
        case golden = 0x444C_4F47  // GOLD
    }

    let content: [UInt8]
    package let digest: [UInt8]
    package let signatures: [Signature]
    let sections: [Tag: ArraySlice<UInt8>]

    /// The message that a key signs.
    package static func signedMessage(digest: [UInt8]) -> [UInt8] { signedPrefix + digest }

    /// Parses lengths, section table and trailer. Verifies neither the hash nor the signatures.
    package init(_ bytes: [UInt8]) throws(ReleaseRefusal) {
        guard bytes.count <= ReleaseFile.limit else { throw .length("\(bytes.count) bytes, the limit is \(ReleaseFile.limit)") }
        guard bytes.count >= 24 + ReleaseFile.trailerLength else { throw .length("\(bytes.count) bytes, fewer than the smallest possible release") }
        do {
            var reader = ByteReader(bytes)
            guard try reader.raw(8).elementsEqual(ReleaseFile.magic) else { throw ReleaseRefusal.format("not a release file") }
            let version: UInt16 = try reader.fixed()
            let _: UInt16 = try reader.fixed()
            guard version == ReleaseFile.version else { throw ReleaseRefusal.format("version \(version), this program reads \(ReleaseFile.version)") }
            let contentLength = Int(try reader.fixed(UInt32.self))
            guard contentLength + ReleaseFile.trailerLength == bytes.count else {
                throw ReleaseRefusal.length("\(contentLength + ReleaseFile.trailerLength) bytes announced, \(bytes.count) received")
            }
            let count = Int(try reader.fixed(UInt32.self))
            let _: UInt32 = try reader.fixed()
            guard (1...16).contains(count) else { throw ReleaseRefusal.format("\(count) sections") }
            var sections: [Tag: ArraySlice<UInt8>] = [:]
            var next = 24 + 16 * count
            for _ in 0..<count {
                let tag: UInt32 = try reader.fixed()
                let flags: UInt32 = try reader.fixed()
                let offset = Int(try reader.fixed(UInt32.self))
                let length = Int(try reader.fixed(UInt32.self))
                guard offset == next, length % 8 == 0, length <= contentLength - offset else {
                    throw ReleaseRefusal.format("the sections have a gap, overlap or exceed the content")
                }
                next += length
                if let known = Tag(rawValue: tag) {
                    guard sections[known] == nil else { throw ReleaseRefusal.format("a section is duplicated") }
                    sections[known] = bytes[offset..<next]
                } else if flags & 1 == 1 {
                    throw ReleaseRefusal.format("an unknown section is required (tag \(tag))")
                }
            }
            guard next == contentLength else { throw ReleaseRefusal.format("\(contentLength - next) bytes belong to no section") }
            guard sections.count == Tag.allCases.count else { throw ReleaseRefusal.format("a section is missing") }
            var trailer = ByteReader(bytes[contentLength...])
            digest = Array(try trailer.raw(32))
            let signed = Int(try trailer.byte())
            guard signed <= 2, try trailer.raw(7).allSatisfy({ $0 == 0 }) else {
                throw ReleaseRefusal.format("\(signed) signatures, at most 2 expected")
            }
            var signatures: [Signature] = []
            for index in 0..<2 {
                let signature = Signature(keyID: Array(try trailer.raw(8)), signature: Array(try trailer.raw(64)))
                if index < signed {
                    signatures.append(signature)
                } else if !(signature.keyID + signature.signature).allSatisfy({ $0 == 0 }) {
                    throw ReleaseRefusal.format("an unused signature is not zero")
                }
            }
            self.signatures = signatures
            self.sections = sections
            content = Array(bytes[..<contentLength])
        } catch let refusal as ReleaseRefusal {
            throw refusal
        } catch {
            throw .format("\(error)")
        }
    }

    /// Encodes and signs a release.
    ///
    /// - Parameter sign: returns the signature of the message by each key.
    package static func bytes(
        of release: Release, sha256: ([UInt8]) -> [UInt8], sign: ([UInt8]) throws -> [Signature]
    ) throws -> [UInt8] {
        let parts: [(Tag, [UInt8])] = [
            (.header, ReleaseSections.header(release.header)),
            (.contract, ReleaseSections.contract(release.network)),
            (.weights, ReleaseSections.tensors(ReleaseSections.weights(release.network))),
            (.calibration, ReleaseSections.tensors(ReleaseSections.calibration(release.network))),
            (.golden, ReleaseSections.golden(GoldenVector.vectors(of: release.network))),
        ]
        let padded = parts.map { (tag: $0.0, bytes: $0.1 + [UInt8](repeating: 0, count: (8 - $0.1.count % 8) % 8)) }
        let contentLength = 24 + 16 * padded.count + padded.reduce(0) { $0 + $1.bytes.count }
        var writer = ByteWriter(reserving: contentLength + trailerLength)
        writer.raw(magic)
        writer.fixed(version)
        writer.fixed(UInt16(0))
        writer.fixed(UInt32(contentLength))
        writer.fixed(UInt32(padded.count))
        writer.fixed(UInt32(0))
        var offset = 24 + 16 * padded.count
        for (tag, bytes) in padded {
            writer.fixed(tag.rawValue)
            writer.fixed(UInt32(1))
            writer.fixed(UInt32(offset))
            writer.fixed(UInt32(bytes.count))
            offset += bytes.count
        }
        for (_, bytes) in padded { writer.raw(bytes) }
        let digest = sha256(writer.bytes)
        let signatures = try sign(signedMessage(digest: digest)).prefix(2)
        writer.raw(digest)
        writer.byte(UInt8(signatures.count))
        writer.raw([UInt8](repeating: 0, count: 7))
        for signature in signatures {
            writer.raw(signature.keyID)
            writer.raw(signature.signature)
        }
        writer.raw([UInt8](repeating: 0, count: (2 - signatures.count) * 72))
        guard writer.bytes.count <= limit else { throw ReleaseRefusal.length("\(writer.bytes.count) bytes, the limit is \(limit)") }
        return writer.bytes
    }
}
