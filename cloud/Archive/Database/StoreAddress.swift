package import Postgres

/// The location of an archive: a folder, or a PostgreSQL database.
package enum StoreAddress: Sendable, CustomStringConvertible {
    case sqlite(folder: String)
    case postgres(PostgresAddress)

    package static let syntax = "sqlite:DIR, postgres://USER@HOST/DATABASE, or PostgreSQL keywords such as host=… dbname=…"

    /// - Returns: `nil` if the text is not of the form `syntax`.
    package init?(_ text: String) {
        if text.hasPrefix("sqlite:") {
            let folder = String(text.dropFirst(7))
            guard !folder.isEmpty else { return nil }
            self = .sqlite(folder: folder)
        } else if text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") || text.contains("=") {
            guard let address = PostgresAddress(text) else { return nil }
            self = .postgres(address)
        } else {
            return nil
        }
    }

    /// The address without a password.
    package var description: String {
        switch self {
        case .sqlite(let folder): "sqlite:\(folder)"
        case .postgres(let address): address.description
        }
    }

    /// The folder of an archive in a file; `nil` for a database server.
    package var folder: String? { if case .sqlite(let folder) = self { folder } else { nil } }
}
