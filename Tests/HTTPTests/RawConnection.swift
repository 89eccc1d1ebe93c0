import Foundation

// Raw requests, byte by byte, that no HTTP client would send.

/// Opens a connection to a server on this host.
func connected(_ port: UInt16, receiving bytes: Int32? = nil) -> Int32 {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if var bytes { setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size)) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    _ = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    return socket
}

func say(_ text: String, to socket: Int32) {
    let bytes = Array(text.utf8)
    _ = send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
}

/// The bytes received, up to a limit; an empty string if there are none yet, `nil` if the peer has closed the connection.
func heard(_ socket: Int32, _ most: Int = 4_096, flags: Int32 = 0) -> String? {
    var buffer = [UInt8](repeating: 0, count: most)
    let count = recv(socket, &buffer, most, flags)
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : count < 0 && errno == EAGAIN ? "" : nil
}
