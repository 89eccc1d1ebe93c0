/// Replaces the standard library's look-up of character names (`Unicode.Scalar.Properties.name`), which this code does not use.
///
/// In release builds the linker redirects the callers to this function (`deploy/build.sh`), which removes half a megabyte of names.
/// - Returns: the length of the name, 0 for no name.
@_cdecl("__wrap__swift_stdlib_getScalarName")
func scalarName(_ scalar: UInt32, _ buffer: UnsafeMutablePointer<UInt8>?, _ capacity: Int) -> Int { 0 }
