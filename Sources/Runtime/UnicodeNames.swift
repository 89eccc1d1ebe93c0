/// Replaces the standard library's look-up of character names (`Unicode.Scalar.Properties.name`), which this code does not use.
///
/// In release builds the linker redirects the callers to this function (`deploy/build.sh`), which removes half a megabyte of names.
/// - Returns: the length of the name, 0 for no name.
@_cdecl("__wrap__swift_stdlib_getScalarName")
func scalarName(_ scalar: UInt32, _ buffer: UnsafeMutablePointer<UInt8>?, _ capacity: Int) -> Int { 0 }

// The edge uses none of the following properties of characters, whose tables take 75 KB. The cloud links the tables: Foundation uses them.

/// - Returns: 29: the category «unassigned».
@_cdecl("__wrap__swift_stdlib_getGeneralCategory")
func generalCategory(_ scalar: UInt32) -> UInt8 { 29 }

/// - Returns: 0: no Unicode version is known.
@_cdecl("__wrap__swift_stdlib_getAge")
func age(_ scalar: UInt32) -> UInt16 { 0 }

/// Replaces the case mapping that only regular expressions use; `lowercased()` and `uppercased()` have tables of their own.
@_cdecl("__wrap__swift_stdlib_getCaseMapping")
func caseMapping(_ scalar: UInt32, _ buffer: UnsafeMutablePointer<UInt32>?) {}

/// - Returns: 255: no script.
@_cdecl("__wrap__swift_stdlib_getScript")
func script(_ scalar: UInt32) -> UInt8 { .max }

/// - Returns: nil: no scripts.
@_cdecl("__wrap__swift_stdlib_getScriptExtensions")
func scriptExtensions(_ scalar: UInt32, _ count: UnsafeMutablePointer<UInt8>?) -> UnsafePointer<UInt8>? { nil }

/// - Returns: 255: no property. Only regular expressions look for words.
@_cdecl("__wrap__swift_stdlib_getWordBreakProperty")
func wordBreakProperty(_ scalar: UInt32) -> UInt8 { .max }
