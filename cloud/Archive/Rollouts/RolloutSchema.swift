/// The tables of rollouts, of live errors and of the watch of sensors since version 10 of the schema, in SQL for both databases.
enum RolloutSchema {
    static func version10(_ dialect: ModelSchema.Dialect) -> String { rollouts(dialect) + watch(dialect) }

    static let version11 = """
        ALTER TABLE rollout RENAME COLUMN step_since_ms TO changed_at_ms;  -- the last change of the state, or the beginning of the step
        """

    private static func watch(_ dialect: ModelSchema.Dialect) -> String {
        """

        CREATE TABLE sensor_day (  -- summaries of complete days: see SensorDay
            device BIGINT NOT NULL, sensor BIGINT NOT NULL, day BIGINT NOT NULL, share DOUBLE PRECISION NOT NULL, humidity_pct DOUBLE PRECISION NOT NULL,
            vapour_hpa DOUBLE PRECISION NOT NULL, saturation_hpa DOUBLE PRECISION NOT NULL, change_pct DOUBLE PRECISION NOT NULL,
            still_share DOUBLE PRECISION NOT NULL, hours DOUBLE PRECISION NOT NULL, PRIMARY KEY (device, sensor, day)
        )\(dialect.keyStorage);
        CREATE TABLE sensor_health (  -- the last judgement of each sensor
            device BIGINT NOT NULL, sensor BIGINT NOT NULL, day BIGINT NOT NULL, observable BIGINT NOT NULL, peers BIGINT NOT NULL,
            drift_sum DOUBLE PRECISION NOT NULL, PRIMARY KEY (device, sensor)
        )\(dialect.keyStorage);
        CREATE TABLE sensor_alarm (
            id \(dialect.identity), device BIGINT NOT NULL, sensor BIGINT NOT NULL, finding TEXT NOT NULL, since_day BIGINT NOT NULL,
            found_day BIGINT NOT NULL, size DOUBLE PRECISION NOT NULL, raised_at_ms BIGINT NOT NULL, ended_at_ms BIGINT,
            ended_by TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
            is_fault BIGINT NOT NULL DEFAULT 1,  -- 0: a person has said that the sensor is right
            told BIGINT NOT NULL DEFAULT 0  -- 1: the start is delivered; 2: the end is delivered
        );
        CREATE UNIQUE INDEX sensor_alarm_active ON sensor_alarm (device, sensor) WHERE ended_at_ms IS NULL;
        CREATE INDEX sensor_alarm_by_sensor ON sensor_alarm (device, sensor, found_day);
        CREATE TABLE quarantine (  -- observations that no snapshot contains: from the first day up to, but not including, the last one
            device BIGINT NOT NULL, sensor BIGINT NOT NULL, from_day BIGINT NOT NULL, until_day BIGINT, alarm BIGINT NOT NULL,
            PRIMARY KEY (device, sensor, alarm)
        );
        CREATE TABLE model_health (  -- the last judgement of the champion
            release BIGINT NOT NULL, lead_s BIGINT NOT NULL, day BIGINT NOT NULL, state TEXT NOT NULL, targets DOUBLE PRECISION NOT NULL,
            skill DOUBLE PRECISION, expected DOUBLE PRECISION, coverage DOUBLE PRECISION, PRIMARY KEY (release, lead_s)
        );
        CREATE INDEX live_score_by_day ON live_score (day);
        CREATE TABLE maintenance (  -- the days of a device that overlap one of these times are not judged
            id \(dialect.identity), device BIGINT NOT NULL, from_ms BIGINT NOT NULL, until_ms BIGINT NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL
        );
        CREATE INDEX maintenance_by_device ON maintenance (device, until_ms);
        """
    }

    private static func rollouts(_ dialect: ModelSchema.Dialect) -> String {
        """
        CREATE TABLE rollout (
            id \(dialect.identity), release BIGINT NOT NULL,
            control BIGINT,  -- the release that the devices had before; NULL: the shipped release
            tags TEXT NOT NULL,  -- separated by blanks; empty: every device that is not pinned
            steps TEXT NOT NULL,  -- see RolloutSteps
            step BIGINT NOT NULL, step_since_ms BIGINT NOT NULL,
            through BIGINT NOT NULL,  -- devices up to this place get the release: see RolloutPlace
            state TEXT NOT NULL, author TEXT NOT NULL, cause TEXT NOT NULL, run BIGINT, created_at_ms BIGINT NOT NULL, ended_at_ms BIGINT,
            detail TEXT NOT NULL DEFAULT ''  -- what the rollout waits for, or why it ended
        );
        CREATE UNIQUE INDEX rollout_unfinished ON rollout ((ended_at_ms IS NULL)) WHERE ended_at_ms IS NULL;
        CREATE TABLE rollout_event (
            rollout BIGINT NOT NULL REFERENCES rollout (id), number BIGINT NOT NULL, at_ms BIGINT NOT NULL, author TEXT NOT NULL,
            event TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (rollout, number)
        );
        CREATE TABLE release_stop (  -- emergency stops; no device gets a release while one has not ended
            id \(dialect.identity), at_ms BIGINT NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL, ended_at_ms BIGINT,
            ended_by TEXT NOT NULL DEFAULT ''
        );
        CREATE UNIQUE INDEX release_stop_unfinished ON release_stop (ended_by) WHERE ended_at_ms IS NULL;
        CREATE TABLE release_block (  -- releases that no alias and no rollout may give to a device
            counter BIGINT PRIMARY KEY REFERENCES release (counter), at_ms BIGINT NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL
        );
        CREATE TABLE release_rejection (  -- releases that devices have given up by themselves
            device BIGINT NOT NULL, counter BIGINT NOT NULL, sha256 TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, at_ms BIGINT NOT NULL,
            received_at_ms BIGINT NOT NULL, PRIMARY KEY (device, counter)
        );
        CREATE INDEX release_rejection_by_counter ON release_rejection (counter, device);
        CREATE TABLE live_score (  -- sums of the errors of a device's own forecasts, in thousandths of a percent
            device BIGINT NOT NULL, sensor \(dialect.key) NOT NULL, day BIGINT NOT NULL, release BIGINT NOT NULL, lead_s BIGINT NOT NULL,
            targets BIGINT NOT NULL, error_mpct BIGINT NOT NULL, persistence_mpct BIGINT NOT NULL, climatology_mpct BIGINT NOT NULL,
            pinball_mpct BIGINT NOT NULL, covered BIGINT NOT NULL,
            rival BIGINT,  -- the last good release; NULL: no comparison
            compared BIGINT NOT NULL, compared_mpct BIGINT NOT NULL, rival_mpct BIGINT NOT NULL, PRIMARY KEY (device, sensor, day, release, lead_s)
        )\(dialect.keyStorage);
        CREATE INDEX live_score_by_release ON live_score (release, day);
        ALTER TABLE device ADD COLUMN live_scores BIGINT NOT NULL DEFAULT 0;  -- rows of the device in live_score
        """
    }
}
