internal import Forecasting
internal import Measures
internal import Observing

/// The checks between bytes that came from outside and a model that may run. In this order: length, hash, signature,
/// counter, feature contract, golden vectors.
package enum ReleaseIntake {
    /// What a file must be, beside well made.
    package struct Demand: Sendable {
        package var length: Int?  // as announced by who sent it
        package var sha256: [UInt8]?  // of the whole file, likewise
        package var counterAbove: UInt64?  // nil: a release taken before may be taken again (a restart, a file given by hand)
        package var isSignatureNeeded: Bool

        package init(length: Int? = nil, sha256: [UInt8]? = nil, counterAbove: UInt64?, isSignatureNeeded: Bool = true) {
            self.length = length
            self.sha256 = sha256
            self.counterAbove = counterAbove
            self.isSignatureNeeded = isSignatureNeeded
        }
    }

    package static func open(_ bytes: [UInt8], _ demand: Demand, _ cryptography: Cryptography) throws(ReleaseRefusal) -> Release {
        if let length = demand.length, length != bytes.count { throw .length("\(length) bytes announced, \(bytes.count) came") }
        let file = try ReleaseFile(bytes)
        guard cryptography.sha256(file.content) == file.digest, demand.sha256 == nil || demand.sha256 == cryptography.sha256(bytes) else {
            throw .hash
        }
        let message = ReleaseFile.signedMessage(digest: file.digest)
        if demand.isSignatureNeeded {
            guard file.signatures.contains(where: { cryptography.isSigned(message, $0.keyID, $0.signature) }) else { throw .signature }
        }
        do {
            let header = try ReleaseSections.header(file.sections[.header] ?? [])
            if let accepted = demand.counterAbove, header.counter <= accepted {
                throw ReleaseRefusal.counter(offered: header.counter, accepted: accepted)
            }
            let model = try model(file)
            let golden = try ReleaseSections.golden(file.sections[.golden] ?? [])
            for step in model.steps {
                let own = golden.filter { $0.stepSeconds == Int(step.grid.step.wholeSeconds) }
                guard own.count >= GoldenVector.perStep else {
                    throw ReleaseRefusal.golden("\(own.count) vectors, at least \(GoldenVector.perStep) expected")
                }
            }
            for vector in golden {
                if let fault = vector.fault(in: model) { throw ReleaseRefusal.golden(fault) }
            }
            return Release(header: header, model: model)
        } catch let refusal as ReleaseRefusal {
            throw refusal
        } catch {
            throw .format("\(error)")
        }
    }

    private static func model(_ file: ReleaseFile) throws -> ForecastModel {
        let contract = try ReleaseSections.contract(file.sections[.contract] ?? [])
        guard !contract.isEmpty else { throw ReleaseRefusal.contract("no step is served") }
        let tensors = try ReleaseSections.tensors(file.sections[.weights] ?? []) + ReleaseSections.tensors(file.sections[.calibration] ?? [])
        func values(_ name: String, _ shape: [Int]) throws -> [Float] {
            guard let tensor = tensors.first(where: { $0.name == name }) else { throw ReleaseRefusal.format("the tensor «\(name)» is missing") }
            guard tensor.shape == shape else { throw ReleaseRefusal.format("the tensor «\(name)» has the shape \(tensor.shape), \(shape) expected") }
            return tensor.values
        }
        return ForecastModel(
            steps: try contract.map { step in
                let seconds = step.grid.step.wholeSeconds
                return StepModel(
                    grid: step.grid, leadTimes: step.leadTimes, features: step.features,
                    coefficients: try values("ridge.\(seconds)", [step.leadTimes.count, step.features.count]),
                    quantiles: try values("interval.\(seconds)", [step.leadTimes.count, ForecastShape.levels.count]))
            })
    }
}
