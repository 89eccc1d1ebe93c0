package import Measures

/// The next times of schedules. The archive keeps them, so that a time that passed while no server ran is not forgotten.
extension Archive {
    /// Whether the stored time of a schedule has come. Several missed times count once.
    /// - Parameter next: the time to store for the next call; `nil` removes the schedule.
    package func isDue(_ name: String, at now: Instant, next: Instant?) throws -> Bool {
        try database.transaction {
            let due = try database.integer("SELECT due_at_ms FROM schedule WHERE name = ?", name)
            guard let next else {
                try database.run("DELETE FROM schedule WHERE name = ?", name)
                return false
            }
            // A changed expression may have an earlier time than the stored one.
            if let due, due > now.ms, due <= next.ms { return false }
            try database.run(
                "INSERT INTO schedule (name, due_at_ms) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET due_at_ms = excluded.due_at_ms", name,
                next.ms)
            return due.map { $0 <= now.ms } ?? false
        }
    }
}
