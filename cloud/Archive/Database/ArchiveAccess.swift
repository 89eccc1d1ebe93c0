/// The access with which a program opens an archive.
package enum ArchiveAccess: Sendable {
    case createIfMissing  // reads and writes; creates a missing archive
    case existing  // reads and writes; throws if there is no archive
    case readOnly
}
