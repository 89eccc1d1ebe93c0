internal import Text

/// A file of public keys; an edge accepts releases signed by one of them. One key of 64 hexadecimal digits per line; `#` begins a comment.
package enum ReleaseKeyFile {
    package static func keys(_ text: String, path: String) throws(SigningError) -> [PublicKey] {
        var keys: [PublicKey] = []
        // Splits Unicode scalars: Swift treats a carriage return with a line feed as one character, which is not equal to a line feed.
        let scalars = text.unicodeScalars.drop { $0 == "\u{FEFF}" }
        for (index, line) in scalars.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" || $0 == "\r" }.map { Substring($0) }
            guard let word = words.first else { continue }
            guard words.count == 1, let bytes = Hexadecimal.bytes(word), let key = PublicKey(bytes: bytes) else {
                throw SigningError.keyFile(path: path, line: index + 1, remedy: "expected a public key of 64 hexadecimal digits")
            }
            keys.append(key)
        }
        guard !keys.isEmpty else {
            throw SigningError.keyFile(path: path, line: nil, remedy: "no key found; vaho-cloud keys prints the fleet's keys")
        }
        return keys
    }

    package static func text(_ keys: [PublicKey]) -> String {
        "# Releases signed by these keys are accepted (Ed25519).\n" + keys.map { Hexadecimal.text($0.bytes) + "\n" }.joined()
    }
}
