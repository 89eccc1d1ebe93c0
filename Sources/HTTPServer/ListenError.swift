internal import Glibc

/// The server cannot listen on an address.
package struct ListenError: Error, CustomStringConvertible {
    let address: String
    let port: UInt16
    let code: Int32  // errno; 0 if libmicrohttpd gave no reason

    package var description: String {
        let reason =
            switch code {
            case EADDRINUSE: "the port is in use: stop what listens there, or choose another"
            case EACCES: "not allowed: ports below 1024 need CAP_NET_BIND_SERVICE"
            case EADDRNOTAVAIL: "this host has no such address"
            case EAFNOSUPPORT: "the address is not a numeric IPv4 or IPv6 address"
            case 0: "libmicrohttpd refused (is the certificate readable PEM?)"
            default: unsafe String(cString: strerror(code))
            }
        return "cannot listen on \(address):\(port): \(reason)"
    }
}
