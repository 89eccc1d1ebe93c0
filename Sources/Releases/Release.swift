package import Forecasting
package import Measures

/// A model with the metadata that is needed before it may run.
package struct Release: Sendable, Equatable {
    package var header: ReleaseHeader
    package var network: Network

    package init(header: ReleaseHeader, network: Network) {
        self.header = header
        self.network = network
    }

    /// An expired release still forecasts: an old model is better than none. The device shows the expiry, so that an operator can
    /// replace the release.
    package func isExpired(at now: Instant) -> Bool { header.expiresAt < now }

    /// The same network, to be signed again: with a higher counter, and with its whole lifetime from now on.
    /// - Parameter counter: the new counter; at least this release's counter + 1.
    package func renewed(counter: UInt64, now: Instant) -> Release {
        var release = self
        release.header.counter = max(counter, header.counter + 1)
        (release.header.createdAt, release.header.expiresAt) = (now, now + (header.expiresAt - header.createdAt))
        return release
    }
}

package struct ReleaseHeader: Sendable, Equatable {
    package var counter: UInt64  // an edge refuses a release whose counter is not above all earlier ones
    package var modelID: String
    package var createdAt: Instant
    package var expiresAt: Instant  // an expired model still forecasts, and the device reports the expiry
    package var provenance: Provenance

    package init(counter: UInt64, modelID: String, createdAt: Instant, expiresAt: Instant, provenance: Provenance) {
        self.counter = counter
        self.modelID = modelID
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.provenance = provenance
    }
}

/// The origin of a model: all that is needed to train it again.
package struct Provenance: Sendable, Equatable {
    package var snapshot: String  // the hash of the training snapshot
    package var codeVersion: String
    package var seed: UInt64
    package var configuration: String  // the hash of the training configuration
    package var parent: String  // the previous release; empty for the first
    package var backtest: String  // the summary of its comparison with the champion

    package init(snapshot: String, codeVersion: String, seed: UInt64, configuration: String, parent: String, backtest: String) {
        self.snapshot = snapshot
        self.codeVersion = codeVersion
        self.seed = seed
        self.configuration = configuration
        self.parent = parent
        self.backtest = backtest
    }
}

/// The cryptographic functions that this module needs, passed in because the module imports no C library.
package struct Cryptography: Sendable {
    package let sha256: @Sendable ([UInt8]) -> [UInt8]
    /// Whether `signature` is a valid signature of `message` by the trusted key with this id.
    package let isSigned: @Sendable (_ message: [UInt8], _ keyID: [UInt8], _ signature: [UInt8]) -> Bool

    package init(
        sha256: @escaping @Sendable ([UInt8]) -> [UInt8],
        isSigned: @escaping @Sendable (_ message: [UInt8], _ keyID: [UInt8], _ signature: [UInt8]) -> Bool
    ) {
        self.sha256 = sha256
        self.isSigned = isSigned
    }
}

/// The reasons to refuse a release file. The cases are in the order of the checks.
package enum ReleaseRefusal: Error, Equatable, CustomStringConvertible {
    case length(String)
    case format(String)
    case hash
    case signature
    case counter(offered: UInt64, accepted: UInt64)
    case counterMismatch(counter: UInt64, announced: UInt64)
    case counterTooHigh(counter: UInt64, atMost: UInt64)
    case contract(String)
    case golden(String)

    /// Whether a later attempt with the same file would also be refused. Not final: transfer damage; an untrusted signature, which a new key can
    /// make valid; a counter out of bounds because of a wrong host clock.
    package var isFinal: Bool {
        switch self {
        case .length, .hash, .signature, .counterMismatch, .counterTooHigh: false
        case .format, .counter, .contract, .golden: true
        }
    }

    package var reason: String {
        switch self {
        case .length: "length"
        case .format: "format"
        case .hash: "hash"
        case .signature: "signature"
        case .counter, .counterMismatch, .counterTooHigh: "counter"
        case .contract: "contract"
        case .golden: "golden"
        }
    }

    package var description: String {
        switch self {
        case .length(let what): "the release's length is wrong: \(what)"
        case .format(let what): "the release's format is wrong: \(what)"
        case .hash: "the release does not match its SHA-256: it was damaged in transfer"
        case .signature: "the release is not signed by a trusted key: run vaho-edge model trust FILE with the fleet's key file"
        case .counter(let offered, let accepted): "the release's counter \(offered) is not above \(accepted), the last accepted counter"
        case .counterMismatch(let counter, let announced): "the release's counter is \(counter), the cloud's answer says \(announced)"
        case .counterTooHigh(let counter, let most):
            "the release's counter \(counter) is above \(most), the highest plausible counter: no later release could follow it"
        case .contract(let what): "this program does not support the release's contract: \(what)"
        case .golden(let what): "the release computes a different forecast here than on the machine that made it: \(what)"
        }
    }
}
