package enum WordList {
    /// The first words of a list as text, and how many more there are: a list that somebody else made grow does not fill an error.
    package static func text(_ words: some Collection<String>, most: Int = 12) -> String {
        if words.isEmpty { return "none" }
        let shown = words.prefix(most).joined(separator: ", ")
        return words.count > most ? "\(shown) and \(words.count - most) more" : shown
    }
}
