/// Work that only one program at a time does on an archive.
package enum ExclusiveWork: String, Sendable, CaseIterable {
    /// Storing batches. All servers of an archive share this claim; `vaho-cloud migrate` excludes them.
    case serving
    /// Alarms, device states and the schedule of training runs.
    case scheduling
    case training
}

/// The right to do exclusive work. It ends when this object is released, and when its program ends in any way.
package protocol WorkClaim: AnyObject {
    /// Whether the right still exists: the connection that carries it may be lost.
    func isHeld() -> Bool
}
