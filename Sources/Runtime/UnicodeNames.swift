/// Stands in for the standard library's look-up of characters' names (`Unicode.Scalar.Properties.name`), which nothing here asks
/// for: in release builds the linker sends its callers here (`deploy/build.sh`), and half a megabyte of names stays out.
/// - Returns: the length of the name: there is none.
@_cdecl("__wrap__swift_stdlib_getScalarName")
func scalarName(_ scalar: UInt32, _ buffer: UnsafeMutablePointer<UInt8>?, _ capacity: Int) -> Int { 0 }
