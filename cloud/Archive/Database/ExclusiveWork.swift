/// Work that only one program at a time does on an archive.
package enum ExclusiveWork: String, Sendable, CaseIterable {
    /// Storing batches. All servers of an archive share this claim; `vaho-cloud migrate` excludes them.
    case serving
    /// The services of which one server at a time runs one instance: see `ElectedServices`.
    case scheduling
    case training
    /// Work that creates or deletes snapshots, or packs weeks of observations.
    case snapshots
}

/// The right to do exclusive work. The right ends when this object is released, or when the program ends or is killed.
protocol WorkClaim: AnyObject {
    /// Whether the right still exists. If the connection to the database is lost, the right is lost, too.
    func isHeld() -> Bool
}
