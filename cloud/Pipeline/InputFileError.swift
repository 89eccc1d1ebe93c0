/// Reports that a file with series, with origins or with a release cannot be used.
package struct InputFileError: Error, Equatable, CustomStringConvertible {
    let path: String
    let line: Int?  // from 1; nil: the whole file
    let problem: String

    init(_ path: String, line: Int? = nil, _ problem: String) {
        (self.path, self.line, self.problem) = (path, line, problem)
    }

    package var description: String { "\(path): " + (line.map { "line \($0): " } ?? "") + problem }
}
