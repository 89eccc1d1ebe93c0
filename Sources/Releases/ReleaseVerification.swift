internal import Forecasting
internal import Measures
internal import Observing

/// Checks a release file from outside before its model may run. The checks, in order: length, hash, signature, counter, feature contract, golden
/// vectors.
package enum ReleaseVerification {
    /// Requirements on a file besides a valid format.
    package struct Requirements: Sendable {
        package var length: Int?  // as announced by the sender
        package var sha256: [UInt8]?  // of the whole file, as announced by the sender
        /// `nil` allows an already accepted release again (after a restart, or a file given by hand).
        package var lastAcceptedCounter: UInt64?
        package var requiresSignature: Bool
        package var counter: UInt64?  // the counter announced by the sender
        package var maximumCounter: UInt64?  // accepting a higher counter would block all later releases

        package init(length: Int? = nil, sha256: [UInt8]? = nil, lastAcceptedCounter: UInt64? = nil, requiresSignature: Bool = true) {
            self.length = length
            self.sha256 = sha256
            self.lastAcceptedCounter = lastAcceptedCounter
            self.requiresSignature = requiresSignature
        }
    }

    package static func open(_ bytes: [UInt8], _ requirements: Requirements, _ cryptography: Cryptography) throws(ReleaseRefusal) -> Release {
        if let length = requirements.length, length != bytes.count { throw .length("\(length) bytes announced, \(bytes.count) received") }
        let file = try ReleaseFile(bytes)
        guard cryptography.sha256(file.content) == file.digest, requirements.sha256 == nil || requirements.sha256 == cryptography.sha256(bytes) else {
            throw .hash
        }
        let message = ReleaseFile.signedMessage(digest: file.digest)
        if requirements.requiresSignature {
            guard file.signatures.contains(where: { cryptography.isSigned(message, $0.keyID, $0.signature) }) else { throw .signature }
        }
        do {
            let header = try ReleaseSections.header(file.sections[.header] ?? [])
            if let accepted = requirements.lastAcceptedCounter, header.counter <= accepted {
                throw ReleaseRefusal.counter(offered: header.counter, accepted: accepted)
            }
            if let announced = requirements.counter, header.counter != announced {
                throw ReleaseRefusal.counterMismatch(counter: header.counter, announced: announced)
            }
            if let most = requirements.maximumCounter, header.counter > most {
                throw ReleaseRefusal.counterTooHigh(counter: header.counter, atMost: most)
            }
            let network = try network(file)
            let golden = try ReleaseSections.golden(file.sections[.golden] ?? [])
            for grid in GoldenVector.grids {
                let own = golden.filter { $0.stepSeconds == Int(grid.step.wholeSeconds) }
                guard own.count >= GoldenVector.vectorsPerGrid else {
                    throw ReleaseRefusal.golden("\(own.count) vectors, at least \(GoldenVector.vectorsPerGrid) expected")
                }
            }
            for vector in golden {
                if let mismatch = vector.mismatch(in: network) { throw ReleaseRefusal.golden(mismatch) }
            }
            return Release(header: header, network: network)
        } catch let refusal as ReleaseRefusal {
            throw refusal
        } catch {
            throw .format("\(error)")
        }
    }

    private static func network(_ file: ReleaseFile) throws -> Network {
        let shape = try ReleaseSections.contract(file.sections[.contract] ?? [])
        let tensors = try ReleaseSections.tensors(file.sections[.weights] ?? []) + ReleaseSections.tensors(file.sections[.calibration] ?? [])
        func values(_ name: String, _ shape: [Int]) throws -> [Float] {
            guard let tensor = tensors.first(where: { $0.name == name }) else { throw ReleaseRefusal.format("the tensor «\(name)» is missing") }
            guard tensor.shape == shape else { throw ReleaseRefusal.format("the tensor «\(name)» has the shape \(tensor.shape), \(shape) expected") }
            return tensor.values
        }
        let parameters = try values("network", [shape.blocks, 16])
        let spreads = try values("spreads", [Network.Shape.knots, Network.Shape.levels])
        guard spreads.allSatisfy({ (0.1...10).contains($0) }) else { throw ReleaseRefusal.format("the tensor «spreads» is not within 0.1 to 10") }
        return Network(
            shape: shape, parameters: (0..<shape.blocks).map { SIMD16(parameters[($0 * 16)..<($0 * 16 + 16)]) }, spreads: spreads)
    }
}
