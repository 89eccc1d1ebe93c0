internal import CLinux

package enum ProcessMemory {
    /// For a program that wants to be small: once, at the very start.
    package static func makeLean() { clinux_lean_memory() }
}
