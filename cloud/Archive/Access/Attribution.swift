extension Archive {
    /// The author, the origin and the reason of a change, for the audit log and the histories.
    package struct Attribution: Sendable {
        package let author: String  // the name of a person or a token, or a rule such as `rollout 3`
        package let origin: String  // the client's address, or `command on HOST`; empty for a change by a rule of the server
        package let reason: String

        package init(author: String, origin: String = "", reason: String) { (self.author, self.origin, self.reason) = (author, origin, reason) }

        /// This attribution with another reason.
        package func because(_ reason: String) -> Attribution { Attribution(author: author, origin: origin, reason: reason) }
    }
}
