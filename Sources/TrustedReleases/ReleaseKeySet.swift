package import Signing
internal import Text

/// The public keys of a fleet, in a numbered and signed text. The set with the highest serial that a device has accepted says which keys it trusts.
///
///     vaho release keys 1
///     serial 1795957746
///     key 64 hexadecimal digits                   signs releases; at least one
///     root 64 hexadecimal digits                  if the set has root keys, only they may sign the next set
///     revoked 64 hexadecimal digits               signatures of this key are refused
///     signature KEY-ID 128 hexadecimal digits     Ed25519 of all lines before the first signature
package struct ReleaseKeySet: Sendable, Equatable {
    package static let byteLimit = 16_384
    package static let keyLimit = 64
    package static let signatureLimit = 8
    private static let heading = "vaho release keys 1\n"

    package struct Signature: Sendable, Equatable {
        let keyID: [UInt8]  // 8
        let bytes: [UInt8]  // 64
    }

    package var serial: UInt64
    package var keys: [PublicKey]
    package var roots: [PublicKey]
    package var revoked: [PublicKey]
    package private(set) var signatures: [Signature] = []

    package init(serial: UInt64, keys: [PublicKey], roots: [PublicKey] = [], revoked: [PublicKey] = []) {
        (self.serial, self.keys, self.roots, self.revoked) = (serial, keys, roots, revoked)
    }

    package var text: String {
        signedText + signatures.map { "signature \(Hexadecimal.text($0.keyID)) \(Hexadecimal.text($0.bytes))\n" }.joined()
    }

    private var signedText: String {
        func lines(_ word: String, _ keys: [PublicKey]) -> String { keys.map { "\(word) \($0.hexadecimal)\n" }.joined() }
        return ReleaseKeySet.heading + "serial \(serial)\n" + lines("key", keys) + lines("root", roots) + lines("revoked", revoked)
    }

    /// Adds the signature of a key. A change of the set after this makes the signature invalid.
    package mutating func sign(with key: PrivateKey) throws(SigningError) {
        let signature = Signature(keyID: key.publicKey.id, bytes: try key.signature(of: Array(signedText.utf8)))
        signatures.removeAll { $0.keyID == signature.keyID }
        signatures.append(signature)
    }

    package func isSigned(by keys: [PublicKey]) -> Bool {
        let message = Array(signedText.utf8)
        return signatures.contains { signature in
            keys.contains { $0.id == signature.keyID && $0.isValid(signature.bytes, of: message) }
        }
    }

    /// Reads one set. Does not verify the signatures.
    package init(_ text: String) throws(KeySetRefusal) {
        guard text.utf8.count <= ReleaseKeySet.byteLimit else {
            throw .format("\(text.utf8.count) bytes, the limit is \(ReleaseKeySet.byteLimit)")
        }
        guard text.hasPrefix(ReleaseKeySet.heading) else { throw .format("it does not begin with «\(ReleaseKeySet.heading.dropLast())»") }
        self.init(serial: 0, keys: [])
        for line in text.dropFirst(ReleaseKeySet.heading.count).split(separator: "\n") {
            let words = line.split(separator: " ")
            let bytes = words.dropFirst().map { Hexadecimal.bytes($0) ?? [] }
            switch (words.first ?? "", words.count) {
            case ("serial", 2): serial = UInt64(words[1]) ?? 0
            case ("key", 2): PublicKey(bytes: bytes[0]).map { keys.append($0) }
            case ("root", 2): PublicKey(bytes: bytes[0]).map { roots.append($0) }
            case ("revoked", 2): PublicKey(bytes: bytes[0]).map { revoked.append($0) }
            case ("signature", 3): signatures.append(Signature(keyID: bytes[0], bytes: bytes[1]))
            default: throw .format("unknown line «\(line.prefix(40))»")
            }
        }
        // A set has exactly one form: a line in another order, a digit too few or a capital letter changes the text.
        guard self.text == text else { throw .format("its lines are not in the form that vaho-cloud writes") }
        if let problem { throw .format(problem) }
    }

    /// Why no device may use this set; `nil` if there is no reason.
    package var problem: String? {
        let all = keys + roots + revoked
        if serial == 0 { return "it has no serial" }
        if keys.isEmpty { return "it has no key that signs releases" }
        if all.count > ReleaseKeySet.keyLimit { return "it has \(all.count) keys, the limit is \(ReleaseKeySet.keyLimit)" }
        if Set(all).count < all.count { return "a key is listed twice" }
        if signatures.count > ReleaseKeySet.signatureLimit {
            return "it has \(signatures.count) signatures, the limit is \(ReleaseKeySet.signatureLimit)"
        }
        if Set(signatures.map(\.keyID)).count < signatures.count { return "a key has signed it twice" }
        return nil
    }

    /// The most sets in one answer of the cloud.
    package static let setLimit = 64

    /// Separates sets that follow each other in one text; at most `setLimit` of them.
    package static func texts(in text: String) -> [String] {
        var texts: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if texts.isEmpty || line + "\n" == heading {
                if texts.count == setLimit { break }
                texts.append("")
            }
            texts[texts.count - 1] += line + "\n"
        }
        return texts
    }
}

/// Why a key set is not accepted.
package enum KeySetRefusal: Error, Equatable, CustomStringConvertible {
    case format(String)
    case serial(offered: UInt64, accepted: UInt64)
    case serialTooHigh(serial: UInt64, atMost: UInt64)
    case signature(mustBeRoot: Bool)

    package var description: String {
        switch self {
        case .format(let what): "the key set's format is wrong: \(what)"
        case .serial(let offered, let accepted): "the key set's serial \(offered) is not above \(accepted), the serial of the present set"
        case .serialTooHigh(let serial, let most):
            "the key set's serial \(serial) is above \(most), the highest plausible serial: no later set could follow it"
        case .signature(mustBeRoot: true): "the key set is not signed by a root key of the present set"
        case .signature(mustBeRoot: false): "the key set is not signed by a key that is trusted now"
        }
    }
}
