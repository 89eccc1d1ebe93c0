package import Measures

/// One log of all decisions about models, releases, keys and sensors: by rules, by people, and by devices.
extension Archive {
    package struct Decision: Sendable, Equatable {
        package let at: Instant
        package let subject: String  // such as `run 12`, `rollout 3`, `champion`, `vault/air`
        package let author: String  // a person, a service, or `devices`
        package let event: String
        package let reason: String
        package let sinceDay: Int64?  // of an alarm: the first day of the fault, in days since 1970
    }

    /// The latest decisions, in descending order of time.
    package func decisions(limit: Int) throws -> [Decision] {
        try database.rows(
            """
            SELECT at_ms, subject, author, event, reason, since_day FROM (
                SELECT ended_at_ms AS at_ms, 'run ' || CAST(id AS TEXT) AS subject, CASE WHEN author = '' THEN 'training rule' ELSE author END AS author,
                    'ended: ' || outcome || ' (' || cause || ')' AS event, detail AS reason, CAST(NULL AS BIGINT) AS since_day, 1 AS place, id AS part
                FROM run WHERE ended_at_ms IS NOT NULL
                UNION ALL SELECT at_ms, name, author, CASE WHEN counter IS NULL THEN 'removed' ELSE 'release ' || CAST(counter AS TEXT) END, reason, NULL, 2, id
                FROM alias_history
                UNION ALL SELECT e.at_ms, 'rollout ' || CAST(e.rollout AS TEXT), e.author, e.event || ' (release ' || CAST(r.release AS TEXT) || ')',
                    e.reason, NULL, 3, e.number
                FROM rollout_event e JOIN rollout r ON r.id = e.rollout
                UNION ALL SELECT MIN(received_at_ms), 'release ' || CAST(counter AS TEXT), 'devices', 'rejected by ' || CAST(COUNT(*) AS TEXT) || CASE WHEN COUNT(*) = 1 THEN ' device' ELSE ' devices' END,
                    MIN(reason || ': ' || detail), NULL, 4, counter
                FROM release_rejection GROUP BY counter
                UNION ALL SELECT at_ms, 'release ' || CAST(counter AS TEXT), author, 'blocked', reason, NULL, 5, counter FROM release_block
                UNION ALL SELECT at_ms, 'emergency stop', author, 'on', reason, NULL, 6, id FROM release_stop
                UNION ALL SELECT ended_at_ms, 'emergency stop', ended_by, 'off', '', NULL, 7, id FROM release_stop WHERE ended_at_ms IS NOT NULL
                UNION ALL SELECT at_ms, 'keys', author, 'key set ' || CAST(serial AS TEXT), reason, NULL, 8, serial FROM release_key_set
                UNION ALL SELECT a.raised_at_ms, d.name || '/' || s.name, 'sensor watch', 'alarm: ' || a.finding || ', data in quarantine', '', a.since_day, 9, a.id
                FROM sensor_alarm a JOIN device d ON d.id = a.device JOIN sensor s ON s.device = a.device AND s.id = a.sensor
                UNION ALL SELECT a.ended_at_ms, d.name || '/' || s.name, a.ended_by,
                    CASE WHEN a.is_fault = 1 THEN 'repaired' ELSE 'alarm dismissed' END, a.reason, NULL, 10, a.id
                FROM sensor_alarm a JOIN device d ON d.id = a.device JOIN sensor s ON s.device = a.device AND s.id = a.sensor
                WHERE a.ended_at_ms IS NOT NULL
            ) decisions ORDER BY at_ms DESC, place DESC, part DESC LIMIT ?
            """, limit
        ).map { row in
            Decision(
                at: Instant(ms: row.integer(0)), subject: row.text(1), author: row.text(2), event: row.text(3), reason: row.text(4),
                sinceDay: row.optionalInteger(5))
        }
    }
}
