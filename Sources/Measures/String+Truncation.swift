extension String {
    /// The longest prefix of whole characters with at most `limit` bytes of UTF-8.
    package func truncated(toBytes limit: Int) -> String {
        var text = self
        while text.utf8.count > limit { text.removeLast() }
        return text
    }
}
