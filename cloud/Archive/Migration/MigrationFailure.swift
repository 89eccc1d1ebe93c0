/// Why an archive cannot be copied, with the remedy.
package struct MigrationFailure: Error, CustomStringConvertible {
    package let description: String
}
