internal import Glibc

/// The server cannot listen on an address.
package struct ListenError: Error, CustomStringConvertible {
    let address: String
    let port: UInt16
    let code: Int32  // errno; 0 if libmicrohttpd gave no reason

    package var description: String {
        let reason =
            switch code {
            case EADDRINUSE: "the port is in use: stop the program that listens there, or choose another port"
            case EACCES: "not allowed: ports below 1024 need CAP_NET_BIND_SERVICE"
            case EADDRNOTAVAIL: "this host has no such address"
            case EAFNOSUPPORT: "the address is not a numeric IPv4 or IPv6 address"
            case 0: "libmicrohttpd gave no reason: check that certificate and key are in PEM format"
            default: unsafe String(cString: strerror(code))
            }
        return "cannot listen on \(address):\(port): \(reason)"
    }
}
