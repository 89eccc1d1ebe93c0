/// The permissions of a person or a script.
package enum Role: String, Sendable, CaseIterable, Comparable {
    case viewer  // reads everything except users, tokens and the audit log
    case admin  // also changes devices, releases, users and tokens

    package static func < (a: Role, b: Role) -> Bool { a == .viewer && b == .admin }
}
