package import Measures

/// The next times of schedules. The archive keeps them, so that a time that passed while no server ran is not forgotten.
extension Archive {
    /// Whether the stored time has come. Stores `next` if the schedule is new, or if its expression was changed so that `next` is earlier than the stored
    /// time.
    /// - Parameter next: the first time of the schedule after now.
    package func checkDue(_ name: String, at now: Instant, next: Instant) throws -> Bool {
        let due = try database.integer("SELECT due_at_ms FROM schedule WHERE name = ?", name)
        if due.map({ $0 > max(now.ms, next.ms) }) ?? true { try setDue(name, at: next) }
        return due.map { $0 <= now.ms } ?? false
    }

    /// Stores the next time of a schedule. Several missed times count once.
    package func setDue(_ name: String, at next: Instant) throws {
        try database.run(
            "INSERT INTO schedule (name, due_at_ms) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET due_at_ms = excluded.due_at_ms", name, next.ms)
    }

    package func removeSchedule(_ name: String) throws { try database.run("DELETE FROM schedule WHERE name = ?", name) }
}
