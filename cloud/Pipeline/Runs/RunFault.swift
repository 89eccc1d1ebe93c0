/// Something that an earlier step of a run has stored does not exist any more.
struct RunFault: Error, CustomStringConvertible {
    let run: Int64
    let missing: String
    var description: String { "the \(missing) of run \(run) does not exist any more: vaho-cloud train starts another run" }
}
