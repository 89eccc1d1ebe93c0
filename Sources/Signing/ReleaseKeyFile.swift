internal import Text

/// The file of public keys whose releases an edge takes: one key of 64 hexadecimal digits a line, `#` begins a comment.
package enum ReleaseKeyFile {
    package static func keys(_ text: String, path: String) throws(SigningError) -> [PublicKey] {
        var keys: [PublicKey] = []
        // By scalars: a carriage return with a line feed is one character, and no line would end there.
        let scalars = text.unicodeScalars.drop { $0 == "\u{FEFF}" }
        for (index, line) in scalars.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" || $0 == "\r" }.map { Substring($0) }
            guard let word = words.first else { continue }
            guard words.count == 1, let bytes = Hexadecimal.bytes(word), let key = PublicKey(bytes: bytes) else {
                throw SigningError(description: "\(path):\(index + 1): expected a public key of 64 hexadecimal digits")
            }
            keys.append(key)
        }
        guard !keys.isEmpty else { throw SigningError(description: "\(path) holds no key: vaho-cloud keys prints the fleet's") }
        return keys
    }

    package static func text(_ keys: [PublicKey]) -> String {
        "# Releases signed by these keys are taken (Ed25519).\n" + keys.map { Hexadecimal.text($0.bytes) + "\n" }.joined()
    }
}
