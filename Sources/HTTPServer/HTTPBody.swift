internal import Deflate
internal import Synchronization

/// The body of a response. Many responses can share one body, which is in memory only once, even while slow clients read it.
@safe package final class HTTPBody: Sendable {
    nonisolated(unsafe) private let memory: UnsafeMutableRawBufferPointer  // written in `init` only, freed in `deinit`

    package static let empty = HTTPBody([])

    package init(_ bytes: [UInt8]) {
        unsafe memory = .allocate(byteCount: bytes.count, alignment: 1)
        unsafe memory.copyBytes(from: bytes)
    }

    deinit { unsafe memory.deallocate() }

    private struct Variants {
        var entityTag: String?
        var gzip: HTTPBody?
        var isIncompressible = false
    }
    private let variants = Mutex(Variants())

    /// A weak entity tag: FNV-1a hash and length, computed on first use.
    var entityTag: String {
        variants.withLock { variants in
            if let entityTag = variants.entityTag { return entityTag }
            // FNV-1a is not collision-resistant. It need not be: only this server creates the bodies at one URL.
            var hash: UInt64 = 14_695_981_039_346_656_037
            for index in 0..<count { hash = unsafe (hash ^ UInt64(memory[index])) &* 1_099_511_628_211 }
            let tag = "W/\"\(String(hash, radix: 36))-\(String(count, radix: 36))\""
            variants.entityTag = tag
            return tag
        }
    }

    /// The body compressed with gzip; `nil` if that is not shorter. Compressed once, at the first use.
    var gzip: HTTPBody? {
        variants.withLock { variants in
            guard variants.gzip == nil, !variants.isIncompressible else { return variants.gzip }
            variants.gzip = Deflate.compressed(bytes, as: .gzip).map { HTTPBody($0) }
            variants.isIncompressible = variants.gzip == nil
            return variants.gzip
        }
    }

    package var count: Int { unsafe memory.count }
    package var bytes: [UInt8] { unsafe Array(memory) }
    /// Valid as long as the body lives.
    var pointer: UnsafeRawPointer? { unsafe UnsafeRawPointer(memory.baseAddress) }
}
