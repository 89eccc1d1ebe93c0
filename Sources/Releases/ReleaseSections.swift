internal import Bytes
internal import Forecasting
internal import Measures
internal import Observing

/// Encoding and decoding of the sections of a release file.
enum ReleaseSections {
    static let byteLimit = 128 * 1024  // of a whole release file

    // MARK: header

    static func header(_ header: ReleaseHeader) -> [UInt8] {
        var writer = ByteWriter()
        writer.fixed(header.counter)
        writer.fixed(header.createdAt.ms)
        writer.fixed(header.expiresAt.ms)
        writer.fixed(header.provenance.seed)
        for text in [
            header.modelID, header.provenance.snapshot, header.provenance.codeVersion, header.provenance.configuration,
            header.provenance.parent, header.provenance.backtest,
        ] { writer.text(text) }
        return writer.bytes
    }

    static func header(_ bytes: ArraySlice<UInt8>) throws -> ReleaseHeader {
        var reader = ByteReader(bytes)
        let counter: UInt64 = try reader.fixed()
        let createdAt = Instant(ms: try reader.fixed())
        let expiresAt = Instant(ms: try reader.fixed())
        guard Instant.valid.contains(createdAt), Instant.valid.contains(expiresAt) else { throw ReleaseRefusal.format("a time out of range") }
        let seed: UInt64 = try reader.fixed()
        let modelID = try reader.text(limit: 128)
        let provenance = Provenance(
            snapshot: try reader.text(limit: 256), codeVersion: try reader.text(limit: 256), seed: seed,
            configuration: try reader.text(limit: 256), parent: try reader.text(limit: 256), backtest: try reader.text(limit: 4_096))
        try expectPadding(reader)
        return ReleaseHeader(counter: counter, modelID: modelID, createdAt: createdAt, expiresAt: expiresAt, provenance: provenance)
    }

    // MARK: contract: the grids served, levels, knots of lead time, names of the inputs, units of the hidden layers

    static func contract(_ network: Network) -> [UInt8] {
        var writer = ByteWriter()
        for numbers in [GoldenVector.grids.map(\.step), NetworkInputs.knots] {
            writer.varint(UInt64(numbers.count))
            for number in numbers { writer.varint(UInt64(number.wholeSeconds)) }
        }
        writer.varint(UInt64(ForecastShape.levels.count))
        for level in ForecastShape.levels { writer.fixed(level.bitPattern) }
        for names in [NetworkInputs.sharedNames, NetworkInputs.leadNames] {
            writer.varint(UInt64(names.count))
            for name in names { writer.text(name) }
        }
        writer.varint(UInt64(network.shape.first))
        writer.varint(UInt64(network.shape.second))
        return writer.bytes
    }

    static func contract(_ bytes: ArraySlice<UInt8>) throws -> Network.Shape {
        var reader = ByteReader(bytes)
        for (what, expected) in [("grids", GoldenVector.grids.map(\.step)), ("knots of lead time", NetworkInputs.knots)] {
            var found: [Duration] = []
            for _ in 0..<(try reader.count(upTo: 64)) { found.append(.seconds(try reader.count(upTo: 864_000))) }
            guard found == expected else { throw ReleaseRefusal.contract("the \(what) differ from this program's") }
        }
        var levels: [Double] = []
        for _ in 0..<(try reader.count(upTo: 64)) { levels.append(Double(bitPattern: try reader.fixed())) }
        guard levels == ForecastShape.levels else { throw ReleaseRefusal.contract("the levels differ from this program's") }
        for expected in [NetworkInputs.sharedNames, NetworkInputs.leadNames] {
            var names: [String] = []
            for _ in 0..<(try reader.count(upTo: 256)) { names.append(try reader.text(limit: 64)) }
            guard names == expected else {
                let other = zip(names, expected).first { $0 != $1 }?.0 ?? "\(names.count) inputs"
                throw ReleaseRefusal.contract("the network's inputs differ from this program's: «\(other)»")
            }
        }
        let (first, second) = (try reader.count(upTo: 256), try reader.count(upTo: 256))
        guard first > 0, second > 0, first % 16 == 0, second % 16 == 0 else {
            throw ReleaseRefusal.contract("hidden layers of \(first) and \(second) units, multiples of 16 expected")
        }
        try expectPadding(reader)
        return Network.Shape(first: first, second: second)
    }

    // MARK: tensors: name, type, shape, values

    struct Tensor {
        let name: String
        let shape: [Int]
        let values: [Float]
    }

    private static let float32: UInt8 = 1

    static func weights(_ network: Network) -> [Tensor] {
        [Tensor(name: "network", shape: [network.shape.blocks, 16], values: network.parameters.flatMap { block in (0..<16).map { block[$0] } })]
    }

    static func calibration(_ network: Network) -> [Tensor] {
        [Tensor(name: "spreads", shape: [Network.Shape.knots, Network.Shape.levels], values: network.spreads)]
    }

    static func tensors(_ tensors: [Tensor]) -> [UInt8] {
        var writer = ByteWriter()
        writer.varint(UInt64(tensors.count))
        for tensor in tensors {
            writer.text(tensor.name)
            writer.byte(float32)
            writer.varint(UInt64(tensor.shape.count))
            for length in tensor.shape { writer.varint(UInt64(length)) }
            for value in tensor.values { writer.fixed(value.bitPattern) }
        }
        return writer.bytes
    }

    static func tensors(_ bytes: ArraySlice<UInt8>) throws -> [Tensor] {
        var reader = ByteReader(bytes)
        var tensors: [Tensor] = []
        for _ in 0..<(try reader.count(upTo: 64)) {
            let name = try reader.text(limit: 64)
            let type = try reader.byte()
            guard type == float32 else { throw ReleaseRefusal.contract("tensor type \(type) is not supported") }
            var shape: [Int] = []
            var count = 1
            for _ in 0..<(try reader.count(upTo: 4)) {
                shape.append(try reader.count(upTo: 65_536))
                count *= shape[shape.count - 1]
                guard count <= ReleaseSections.byteLimit / 4 else { throw ReleaseRefusal.format("the tensor «\(name)» is too large") }
            }
            var values: [Float] = []
            values.reserveCapacity(count)
            for _ in 0..<count {
                let value = Float(bitPattern: try reader.fixed())
                guard value.isFinite else { throw ReleaseRefusal.format("the tensor «\(name)» holds a value that is not finite") }
                values.append(value)
            }
            tensors.append(Tensor(name: name, shape: shape, values: values))
        }
        try expectPadding(reader)
        return tensors
    }

    // MARK: golden vectors

    static func golden(_ vectors: [GoldenVector]) -> [UInt8] {
        var writer = ByteWriter()
        writer.varint(UInt64(vectors.count))
        for vector in vectors {
            writer.fixed(vector.seed)
            writer.varint(UInt64(vector.stepSeconds))
            writer.varint(UInt64(vector.expected.count))
            for value in vector.expected { writer.fixed(value.bitPattern) }
        }
        return writer.bytes
    }

    static func golden(_ bytes: ArraySlice<UInt8>) throws -> [GoldenVector] {
        var reader = ByteReader(bytes)
        var vectors: [GoldenVector] = []
        for _ in 0..<(try reader.count(upTo: 64)) {
            let seed: UInt64 = try reader.fixed()
            let stepSeconds = try reader.count(upTo: 86_400)
            var expected: [Float] = []
            for _ in 0..<(try reader.count(upTo: 4_096)) { expected.append(Float(bitPattern: try reader.fixed())) }
            vectors.append(GoldenVector(seed: seed, stepSeconds: stepSeconds, expected: expected))
        }
        try expectPadding(reader)
        return vectors
    }

    private static func expectPadding(_ reader: ByteReader) throws {
        var rest = reader
        guard rest.remaining < 8, try rest.raw(rest.remaining).allSatisfy({ $0 == 0 }) else {
            throw ReleaseRefusal.format("a section has extra bytes at its end")
        }
    }
}
