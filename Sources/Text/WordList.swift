package enum WordList {
    /// The first words of a list as text, and the number of the others, so that a list from outside cannot make an error text long.
    package static func text(_ words: some Collection<String>, limit: Int = 12) -> String {
        if words.isEmpty { return "none" }
        let shown = words.prefix(limit).joined(separator: ", ")
        return words.count > limit ? "\(shown) and \(words.count - limit) more" : shown
    }
}
