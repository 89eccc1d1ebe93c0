internal import Runtime
internal import Synchronization

/// Shows the progress of long work on standard error: one updating line on a terminal, else one line per stage.
package final class Progress: Sendable {
    private let last = Mutex<(stage: String, isOpen: Bool)>(("", false))

    package init() {}

    /// - Parameters:
    ///   - text: a few words without a line break.
    ///   - stage: without a terminal, only the first text of each stage is written.
    package func show(_ text: String, stage: String) {
        last.withLock { last in
            let isNew = stage != last.stage
            if StandardError.isTerminal {
                StandardError.write("\r\(text)\u{1B}[K")
                last = (stage, true)
            } else if isNew {
                StandardError.write(text + "\n")
                last = (stage, false)
            }
        }
    }

    /// Clears the progress line.
    package func end() {
        last.withLock { last in
            if last.isOpen { StandardError.write("\r\u{1B}[K") }
            last = ("", false)
        }
    }
}
