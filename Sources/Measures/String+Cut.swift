extension String {
    /// The beginning that has at most `limit` bytes of UTF-8, cut at a whole character.
    package func cut(toBytes limit: Int) -> String {
        var text = self
        while text.utf8.count > limit { text.removeLast() }
        return text
    }
}
