package import Forecasting
package import Measures

/// A model and what must be known of it before it may run.
package struct Release: Sendable, Equatable {
    package var header: ReleaseHeader
    package var network: Network

    package init(header: ReleaseHeader, network: Network) {
        self.header = header
        self.network = network
    }

    /// An expired release forecasts on: an old model is better than none, but somebody should look.
    package func isExpired(at now: Instant) -> Bool { header.expiresAt < now }
}

package struct ReleaseHeader: Sendable, Equatable {
    package var counter: UInt64  // above every earlier release's, or an edge refuses it
    package var modelID: String
    package var createdAt: Instant
    package var expiresAt: Instant  // after it the model forecasts on, and says so
    package var provenance: Provenance

    package init(counter: UInt64, modelID: String, createdAt: Instant, expiresAt: Instant, provenance: Provenance) {
        self.counter = counter
        self.modelID = modelID
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.provenance = provenance
    }
}

/// Where a model comes from: enough to make it again.
package struct Provenance: Sendable, Equatable {
    package var snapshot: String  // the hash of what it learnt from
    package var codeVersion: String
    package var seed: UInt64
    package var configuration: String  // the hash of how it was trained
    package var parent: String  // the release it followed; empty for the first
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

/// What libcrypto does for this module, which knows no C library.
package struct Cryptography: Sendable {
    package let sha256: @Sendable ([UInt8]) -> [UInt8]
    /// Whether `signature` of `message` is by the trusted key with this id.
    package let isSigned: @Sendable (_ message: [UInt8], _ keyID: [UInt8], _ signature: [UInt8]) -> Bool

    package init(
        sha256: @escaping @Sendable ([UInt8]) -> [UInt8],
        isSigned: @escaping @Sendable (_ message: [UInt8], _ keyID: [UInt8], _ signature: [UInt8]) -> Bool
    ) {
        self.sha256 = sha256
        self.isSigned = isSigned
    }
}

/// Why a release file is not taken. Each case is one step of the intake, in its order.
package enum ReleaseRefusal: Error, Equatable, CustomStringConvertible {
    case length(String)
    case format(String)
    case hash
    case signature
    case counter(offered: UInt64, accepted: UInt64)
    case announced(counter: UInt64, announced: UInt64)
    case implausible(counter: UInt64, atMost: UInt64)
    case contract(String)
    case golden(String)

    /// Whether the same file would be refused again. Damage on the way may pass; a signature may be trusted tomorrow, and the host's
    /// clock set.
    package var isFinal: Bool {
        switch self {
        case .length, .hash, .signature, .announced, .implausible: false
        case .format, .counter, .contract, .golden: true
        }
    }

    package var reason: String {
        switch self {
        case .length: "length"
        case .format: "format"
        case .hash: "hash"
        case .signature: "signature"
        case .counter, .announced, .implausible: "counter"
        case .contract: "contract"
        case .golden: "golden"
        }
    }

    package var description: String {
        switch self {
        case .length(let what): "the release's length is wrong: \(what)"
        case .format(let what): "the release's format is wrong: \(what)"
        case .hash: "the release does not match its SHA-256: it was damaged on the way"
        case .signature: "the release is not signed by a trusted key: take the fleet's key file with vaho-edge model trust FILE"
        case .counter(let offered, let accepted): "the release's counter \(offered) is not above \(accepted), the last accepted"
        case .announced(let counter, let announced): "the release's counter is \(counter), the cloud's answer says \(announced)"
        case .implausible(let counter, let most):
            "the release's counter \(counter) is above \(most), more than a cloud can have given by now: no later release could follow it"
        case .contract(let what): "this program cannot build what the release asks for: \(what)"
        case .golden(let what): "the release computes something else here than where it was made: \(what)"
        }
    }
}
