/// The schema of the cloud's database, in SQL that SQLite and PostgreSQL share. The log of batches is the source of truth. The tables after the log
/// are derived from the log. They can be rebuilt, except for observations whose batches retention has deleted.
enum ArchiveSchema {
    /// Each step migrates from the previous version; step 0 creates version 1.
    static let steps = [
        version1, version2, version3, version4, version5, version6, version7, version8, ModelSchema.version9(.sqlite),
        RolloutSchema.version10(.sqlite), RolloutSchema.version11 + KeySchema.version11, AccessSchema.version12(.sqlite),
        FleetSchema.version13(.sqlite),
    ]
    static var version: Int64 { Int64(steps.count) }

    /// Keys of derived tables begin with the device, and old batches can be deleted from the log: see `Archive+Retention.swift`.
    private static let version8 = """
        DROP VIEW observation;
        ALTER TABLE observation_bin RENAME TO old_observation_bin;
        CREATE TABLE observation_bin (
            device INTEGER NOT NULL, sensor INTEGER NOT NULL, valid_at_ms BIGINT NOT NULL, readings INTEGER NOT NULL, failed INTEGER NOT NULL,
            humidity_sum_mpct BIGINT NOT NULL, humidity_min_mpct INTEGER, humidity_max_mpct INTEGER,
            temperature_readings INTEGER NOT NULL, temperature_sum_mc BIGINT NOT NULL, pressure_readings INTEGER NOT NULL DEFAULT 0,
            pressure_sum_pa BIGINT NOT NULL DEFAULT 0, flags INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (device, sensor, valid_at_ms)
        ) WITHOUT ROWID;
        INSERT INTO observation_bin SELECT s.device, s.id, valid_at_ms, readings, failed, humidity_sum_mpct, humidity_min_mpct, humidity_max_mpct,
            temperature_readings, temperature_sum_mc, pressure_readings, pressure_sum_pa, flags
            FROM sensor s CROSS JOIN old_observation_bin b ON b.sensor = s.id;
        DROP TABLE old_observation_bin;
        ALTER TABLE inexact_bin RENAME TO old_inexact_bin;
        CREATE TABLE inexact_bin (  -- bins from which readings were removed: extremes and flags are computed again from the log
            device INTEGER NOT NULL, sensor INTEGER NOT NULL, valid_at_ms BIGINT NOT NULL, humidity_min_mpct INTEGER, humidity_max_mpct INTEGER,
            flags INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (device, sensor, valid_at_ms)
        ) WITHOUT ROWID;
        INSERT INTO inexact_bin SELECT s.device, sensor, valid_at_ms, humidity_min_mpct, humidity_max_mpct, flags
            FROM old_inexact_bin JOIN sensor s ON s.id = sensor;
        DROP TABLE old_inexact_bin;
        \(observationView(join: joinByDevice))
        DROP TABLE log_total;
        CREATE TABLE log_month (  -- several shards: concurrent transactions change different rows
            shard INTEGER NOT NULL, month INTEGER NOT NULL, batches BIGINT NOT NULL, readings BIGINT NOT NULL, bytes BIGINT NOT NULL,
            PRIMARY KEY (shard, month)  -- month: of the arrival, as year * 12 + month - 1
        );
        INSERT INTO log_month
            SELECT 0, strftime('%Y', received_at_ms / 1000, 'unixepoch') * 12 + strftime('%m', received_at_ms / 1000, 'unixepoch') - 1 AS month,
                COUNT(*), SUM(readings), SUM(LENGTH(body)) FROM batch GROUP BY month;
        CREATE TABLE retention (  -- one row; cutoff_ms: earlier batches may be deleted; now_ms: the current time in the last call of advanceRetention
            id INTEGER PRIMARY KEY, cutoff_ms BIGINT NOT NULL, now_ms BIGINT NOT NULL
        );
        ALTER TABLE device_log RENAME COLUMN judged_at_ms TO rederived_at_ms;
        ALTER TABLE device_log ADD COLUMN frozen_until_ms BIGINT NOT NULL DEFAULT 0;  -- a rebuild does not change observations up to this time
        ALTER TABLE device_log ADD COLUMN frozen_through BIGINT NOT NULL DEFAULT 0;  -- frozen observations contain the readings of batches up to this id
        -- the latest time of an observed reading that was taken more than a day after the arrival of its batch (the server's clock was behind)
        ALTER TABLE device_log ADD COLUMN newest_ahead_at_ms BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE device_log ADD COLUMN rederive_due_at_ms BIGINT NOT NULL DEFAULT 0;  -- 0, or the time at which a rebuild was requested; the rebuild begins when the amending pass ends
        ALTER TABLE device_log ADD COLUMN previous_rederived_at_ms BIGINT NOT NULL DEFAULT 0;  -- the value that rederived_at_ms had before the last rebuild
        ALTER TABLE device_log ADD COLUMN postponed_from_ms BIGINT NOT NULL DEFAULT 0;  -- 0, or the time since which retention could not delete expired batches
        ALTER TABLE epoch ADD COLUMN expired_through BIGINT NOT NULL DEFAULT 0;  -- the highest sequence of a deleted batch
        """

    /// The condition that joins a bin with its sensor, since version 8.
    static let joinByDevice = "s.device = b.device AND s.id = b.sensor"

    /// SQL that creates the view `observation` for analysts, in both databases. The view has these columns since version 4.
    /// - Parameter join: the condition that joins a bin `b` with its sensor `s`.
    static func observationView(join: String) -> String {
        """
        CREATE VIEW observation AS
            SELECT d.name AS device, s.name AS sensor, b.valid_at_ms, s.step_s, b.readings,
                b.humidity_sum_mpct / CAST(1000 * b.readings AS DOUBLE PRECISION) AS humidity_pct,
                b.humidity_min_mpct / CAST(1000 AS DOUBLE PRECISION) AS humidity_min_pct,
                b.humidity_max_mpct / CAST(1000 AS DOUBLE PRECISION) AS humidity_max_pct,
                CASE WHEN b.temperature_readings > 0 THEN b.temperature_sum_mc / CAST(1000 * b.temperature_readings AS DOUBLE PRECISION) END
                    AS temperature_c,
                CASE WHEN b.pressure_readings > 0 THEN b.pressure_sum_pa / CAST(100 * b.pressure_readings AS DOUBLE PRECISION) END AS pressure_hpa,
                b.flags
            FROM observation_bin b JOIN sensor s ON \(join) JOIN device d ON d.id = s.device WHERE b.readings > 0;
        """
    }

    /// The tables of observations and held ranges become WITHOUT ROWID: each row is stored once, by its key, and not in a table and an index.
    private static let version7 = """
        DROP VIEW observation;
        ALTER TABLE observation_bin RENAME TO old_observation_bin;
        CREATE TABLE observation_bin (
            sensor INTEGER NOT NULL REFERENCES sensor (id), valid_at_ms BIGINT NOT NULL, readings INTEGER NOT NULL, failed INTEGER NOT NULL,
            humidity_sum_mpct BIGINT NOT NULL, humidity_min_mpct INTEGER, humidity_max_mpct INTEGER,
            temperature_readings INTEGER NOT NULL, temperature_sum_mc BIGINT NOT NULL, pressure_readings INTEGER NOT NULL DEFAULT 0,
            pressure_sum_pa BIGINT NOT NULL DEFAULT 0, flags INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (sensor, valid_at_ms)
        ) WITHOUT ROWID;
        INSERT INTO observation_bin SELECT sensor, valid_at_ms, readings, failed, humidity_sum_mpct, humidity_min_mpct, humidity_max_mpct,
            temperature_readings, temperature_sum_mc, pressure_readings, pressure_sum_pa, flags FROM old_observation_bin ORDER BY sensor, valid_at_ms;
        DROP TABLE old_observation_bin;
        \(observationView(join: "s.id = b.sensor"))
        ALTER TABLE held RENAME TO old_held;
        CREATE TABLE held (
            device INTEGER NOT NULL, epoch BIGINT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, PRIMARY KEY (device, epoch, first)
        ) WITHOUT ROWID;
        INSERT INTO held SELECT device, epoch, first, last FROM old_held ORDER BY device, epoch, first;
        DROP TABLE old_held;
        DROP INDEX batch_by_device;
        DROP INDEX batch_by_boot;
        CREATE INDEX batch_by_device ON batch (device, id, received_at_ms, boot_first, boot_last);
        ALTER TABLE log_total ADD COLUMN shard INTEGER NOT NULL DEFAULT 0;  -- several rows: concurrent transactions change different rows
        CREATE TABLE migration (id INTEGER PRIMARY KEY, source TEXT NOT NULL);  -- one row while `vaho-cloud migrate` has not finished
        CREATE TABLE signing_key (id INTEGER PRIMARY KEY, public_key TEXT NOT NULL);  -- one row: the key that signs this archive's releases
        ALTER TABLE device_log ADD COLUMN claimed_until_ms BIGINT NOT NULL DEFAULT 0;  -- until then one program derives the device's batches
        ALTER TABLE device ADD COLUMN sensor_states TEXT;  -- how many sensors are in each SensorState, as counted in state_total; NULL: not counted
        CREATE TABLE state_total (kind TEXT NOT NULL, state INTEGER NOT NULL, number BIGINT NOT NULL, PRIMARY KEY (kind, state));
        UPDATE device SET judge_due = 1;
        CREATE INDEX device_by_state ON device (state, name);
        CREATE INDEX alarm_active ON alarm (kind, device) WHERE ended_at_ms IS NULL;
        CREATE INDEX device_log_large ON device_log (day, day_bytes) WHERE day_bytes >= 1000000;
        """

    /// Stored states of devices and sensors. Counts, and lists that show the worst first, read the stored states.
    private static let version6 = """
        ALTER TABLE sensor ADD COLUMN reported INTEGER;  -- the SensorState that the device reports; NULL: the device reports none
        ALTER TABLE sensor ADD COLUMN observed INTEGER NOT NULL DEFAULT 0;  -- the SensorState according to the newest bin
        ALTER TABLE sensor ADD COLUMN quiet INTEGER NOT NULL DEFAULT 0;  -- 1: no reading for three steps
        CREATE INDEX sensor_by_time ON sensor (quiet, last_at_ms) WHERE kind <> 'replay';
        ALTER TABLE device ADD COLUMN state INTEGER NOT NULL DEFAULT 0;  -- the DeviceState, as last computed
        ALTER TABLE device ADD COLUMN severity_rank INTEGER NOT NULL DEFAULT 9;  -- the worst rank of the device and its sensors, see Severity
        ALTER TABLE device ADD COLUMN reported_clock INTEGER NOT NULL DEFAULT 0;  -- the ClockQuality in the last report
        ALTER TABLE device ADD COLUMN judge_due INTEGER NOT NULL DEFAULT 1;  -- 1: the state must be computed again
        ALTER TABLE device ADD COLUMN refused_at_ms BIGINT;  -- the time of the last refused request under this name
        ALTER TABLE device ADD COLUMN refused_detail TEXT NOT NULL DEFAULT '';
        CREATE INDEX device_by_severity ON device (severity_rank, name);
        CREATE INDEX device_to_judge ON device (id) WHERE judge_due = 1;
        CREATE INDEX alarm_by_device ON alarm (device);
        """

    /// Limits are counted per device, and observations are derived per device.
    private static let version5 = """
        CREATE TABLE device_log (  -- one row per device: the length of the log and the progress of the derivation (DerivationState)
            device INTEGER PRIMARY KEY, last_batch BIGINT NOT NULL DEFAULT 0, last_amendment BIGINT NOT NULL DEFAULT 0,
            day BIGINT NOT NULL DEFAULT 0, day_bytes BIGINT NOT NULL DEFAULT 0,  -- bytes stored on this day (days since 1970, UTC)
            pending BIGINT NOT NULL DEFAULT 0,  -- batches that are not derived yet
            through BIGINT NOT NULL DEFAULT 0, amended_through BIGINT NOT NULL DEFAULT 0, phase INTEGER NOT NULL DEFAULT 0,
            target BIGINT NOT NULL DEFAULT 0, scanned BIGINT NOT NULL DEFAULT 0,
            judged_at_ms BIGINT NOT NULL DEFAULT 0, withheld_from_ms BIGINT
        );
        CREATE INDEX device_log_pending ON device_log (device) WHERE through < last_batch OR amended_through < last_amendment OR phase <> 0;
        INSERT INTO device_log (device, last_batch) SELECT device, MAX(id) FROM batch GROUP BY device;
        UPDATE device_log SET through = MIN(last_batch, (SELECT through FROM derived WHERE name = 'observations'));
        UPDATE device_log SET pending = (SELECT COUNT(*) FROM batch b WHERE b.device = device_log.device AND b.id > through) WHERE through < last_batch;
        UPDATE device_log SET last_amendment = MAX(
            COALESCE((SELECT MAX(batch) FROM clock_correction a WHERE a.device = device_log.device), 0),
            COALESCE((SELECT MAX(batch) FROM calibration a WHERE a.device = device_log.device), 0),
            COALESCE((SELECT MAX(batch) FROM sensor_rename a WHERE a.device = device_log.device), 0));
        UPDATE device_log SET amended_through = MIN(last_amendment, through);
        UPDATE device_log SET phase = 1;  -- the rules for observations have changed: all observations are derived again
        DROP TABLE derived;
        CREATE INDEX device_log_withheld ON device_log (withheld_from_ms) WHERE withheld_from_ms IS NOT NULL;
        CREATE INDEX token_by_device ON token (device);
        CREATE INDEX token_by_replaced ON token (replaces) WHERE replaces IS NOT NULL;
        CREATE INDEX batch_by_device ON batch (device);
        CREATE INDEX batch_by_boot ON batch (device, boot_last, boot_first, epoch);
        CREATE TABLE inexact_bin (  -- bins from which readings were removed: extremes and flags are computed again from the log
            sensor INTEGER NOT NULL, valid_at_ms BIGINT NOT NULL, humidity_min_mpct INTEGER, humidity_max_mpct INTEGER,
            flags INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (sensor, valid_at_ms)
        );

        CREATE TABLE sensor_name (device INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (device, name));  -- the names count against the quota
        INSERT INTO sensor_name SELECT device, name FROM sensor;
        CREATE TABLE epoch (device INTEGER NOT NULL, epoch BIGINT NOT NULL, first_seen_at_ms BIGINT NOT NULL, PRIMARY KEY (device, epoch));
        INSERT INTO epoch SELECT DISTINCT device, epoch, 0 FROM held;
        CREATE TABLE access_version (version BIGINT NOT NULL);  -- one row; the version rises with each change of a token or of a device's access
        INSERT INTO access_version VALUES (0);
        CREATE INDEX hole_by_end ON hole (device, to_ms);
        ALTER TABLE plain_reading ADD COLUMN content BIGINT;  -- a hash of the values; NULL: the row is older than this column
        ALTER TABLE alarm ADD COLUMN last_at_ms BIGINT;  -- the time of the last sign of the alarm's cause
        """

    private static let version4 = """
        ALTER TABLE calibration ADD COLUMN said_at_ms BIGINT NOT NULL DEFAULT 0;
        UPDATE calibration SET said_at_ms = COALESCE((SELECT received_at_ms FROM batch WHERE id = calibration.batch), from_ms);
        CREATE TABLE sensor_rename (
            id INTEGER PRIMARY KEY, device INTEGER NOT NULL, epoch BIGINT NOT NULL, sequence BIGINT NOT NULL, batch BIGINT NOT NULL,
            sensor TEXT NOT NULL, name TEXT NOT NULL, until_ms BIGINT NOT NULL, said_at_ms BIGINT NOT NULL,
            UNIQUE (device, epoch, sequence)
        );
        -- Older bins have no pressure and no flags: vaho-cloud rebuild derives both from the log.
        ALTER TABLE observation_bin ADD COLUMN pressure_readings INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE observation_bin ADD COLUMN pressure_sum_pa BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE observation_bin ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;
        DROP VIEW observation;
        \(observationView(join: "s.id = b.sensor"))
        """

    private static let version3 = """
        CREATE TABLE calibration (
            id INTEGER PRIMARY KEY, device INTEGER NOT NULL, epoch BIGINT NOT NULL, sequence BIGINT NOT NULL, batch BIGINT NOT NULL,
            sensor TEXT NOT NULL, from_ms BIGINT NOT NULL, gain_ppm INTEGER NOT NULL, offset_mpct INTEGER NOT NULL,
            UNIQUE (device, epoch, sequence)
        );
        """

    /// Observations derived outside the ingest, token rotation, enrolment codes, plain readings, alarms.
    private static let version2 = """
        ALTER TABLE batch ADD COLUMN boot_first BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE batch ADD COLUMN boot_last BIGINT NOT NULL DEFAULT 4294967295;
        CREATE TABLE log_total (batches BIGINT NOT NULL, readings BIGINT NOT NULL, bytes BIGINT NOT NULL);  -- one row
        INSERT INTO log_total SELECT COUNT(*), COALESCE(SUM(readings), 0), COALESCE(SUM(LENGTH(body)), 0) FROM batch;
        CREATE TABLE derived (name TEXT PRIMARY KEY, through BIGINT NOT NULL);  -- the last derived batch
        INSERT INTO derived SELECT 'observations', COALESCE(MAX(id), 0) FROM batch;
        DROP TABLE clock_correction;  -- the table of version 1 is empty: no edge ever sent a clock correction
        CREATE TABLE clock_correction (
            id INTEGER PRIMARY KEY, device INTEGER NOT NULL, epoch BIGINT NOT NULL, sequence BIGINT NOT NULL, batch BIGINT NOT NULL,
            boot BIGINT NOT NULL, offset_ms BIGINT NOT NULL, from_ms BIGINT NOT NULL, to_ms BIGINT NOT NULL,  -- from_ms, to_ms: boot times
            UNIQUE (device, epoch, sequence)
        );
        ALTER TABLE token ADD COLUMN replaces TEXT;  -- the hash of the token that becomes invalid when this token is first used
        ALTER TABLE device ADD COLUMN rotate_at_ms BIGINT;
        CREATE TABLE enrolment_code (
            sha256 TEXT PRIMARY KEY, device TEXT NOT NULL, created_at_ms BIGINT NOT NULL, expires_at_ms BIGINT NOT NULL, used_at_ms BIGINT
        );
        CREATE TABLE plain_reading (  -- readings from devices without an agent: repeated readings are found by this key
            device INTEGER NOT NULL, sensor TEXT NOT NULL, taken_at_ms BIGINT NOT NULL, PRIMARY KEY (device, sensor, taken_at_ms)
        );
        CREATE TABLE alarm (
            id INTEGER PRIMARY KEY, device INTEGER NOT NULL, kind TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_at_ms BIGINT NOT NULL,
            ended_at_ms BIGINT, told INTEGER NOT NULL DEFAULT 0  -- 1: the start is delivered; 2: the end is delivered
        );
        """

    private static let version1 = """
        CREATE TABLE device (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at_ms BIGINT NOT NULL, revoked_at_ms BIGINT,
            last_seen_at_ms BIGINT, report BLOB
        );
        CREATE TABLE token (sha256 TEXT PRIMARY KEY, device INTEGER NOT NULL REFERENCES device (id), created_at_ms BIGINT NOT NULL);

        CREATE TABLE held (      -- sequences of an epoch that are stored, refused or lost: disjoint ranges, adjacent ranges are merged
            device INTEGER NOT NULL, epoch BIGINT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL,
            PRIMARY KEY (device, epoch, first)
        );
        CREATE TABLE batch (     -- the log: the new rows of each batch, in the binary encoding
            id INTEGER PRIMARY KEY, device INTEGER NOT NULL, epoch BIGINT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL,
            received_at_ms BIGINT NOT NULL, readings INTEGER NOT NULL, body BLOB NOT NULL
        );
        CREATE INDEX batch_by_name ON batch (device, epoch, first);
        CREATE TABLE refused (
            device INTEGER NOT NULL, epoch BIGINT NOT NULL, sequence BIGINT NOT NULL, reason TEXT NOT NULL,
            PRIMARY KEY (device, epoch, sequence)
        );

        CREATE TABLE sensor (
            id INTEGER PRIMARY KEY, device INTEGER NOT NULL REFERENCES device (id), name TEXT NOT NULL, kind TEXT NOT NULL,
            driver TEXT NOT NULL, serial TEXT NOT NULL, place TEXT NOT NULL, step_s INTEGER NOT NULL,
            observations BIGINT NOT NULL DEFAULT 0, last_at_ms BIGINT,
            UNIQUE (device, name)
        );
        CREATE TABLE observation_bin (
            sensor INTEGER NOT NULL REFERENCES sensor (id), valid_at_ms BIGINT NOT NULL, readings INTEGER NOT NULL, failed INTEGER NOT NULL,
            humidity_sum_mpct BIGINT NOT NULL, humidity_min_mpct INTEGER, humidity_max_mpct INTEGER,
            temperature_readings INTEGER NOT NULL, temperature_sum_mc BIGINT NOT NULL,
            PRIMARY KEY (sensor, valid_at_ms)
        );
        CREATE VIEW observation AS  -- for analysts
            SELECT d.name AS device, s.name AS sensor, b.valid_at_ms, s.step_s, b.readings,
                b.humidity_sum_mpct / (1000.0 * b.readings) AS humidity_pct, b.humidity_min_mpct / 1000.0 AS humidity_min_pct,
                b.humidity_max_mpct / 1000.0 AS humidity_max_pct,
                CASE WHEN b.temperature_readings > 0 THEN b.temperature_sum_mc / (1000.0 * b.temperature_readings) END AS temperature_c
            FROM observation_bin b JOIN sensor s ON s.id = b.sensor JOIN device d ON d.id = s.device WHERE b.readings > 0;
        CREATE TABLE hole (
            device INTEGER NOT NULL, epoch BIGINT NOT NULL, sequence BIGINT NOT NULL, sensor TEXT, reason TEXT NOT NULL,
            from_ms BIGINT NOT NULL, to_ms BIGINT NOT NULL, readings BIGINT NOT NULL,
            PRIMARY KEY (device, epoch, sequence)
        );
        CREATE TABLE clock_correction (
            device INTEGER NOT NULL, epoch BIGINT NOT NULL, sequence BIGINT NOT NULL, boot BIGINT NOT NULL, offset_ms BIGINT NOT NULL,
            from_ms BIGINT NOT NULL, to_ms BIGINT NOT NULL,
            PRIMARY KEY (device, epoch, sequence)
        );

        CREATE TABLE release (   -- immutable
            counter BIGINT PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, model_id TEXT NOT NULL, created_at_ms BIGINT NOT NULL,
            snapshot TEXT NOT NULL, parent TEXT NOT NULL, backtest TEXT NOT NULL, body BLOB NOT NULL
        );
        CREATE TABLE alias (name TEXT PRIMARY KEY, counter BIGINT NOT NULL REFERENCES release (counter));
        CREATE TABLE alias_history (id INTEGER PRIMARY KEY, at_ms BIGINT NOT NULL, name TEXT NOT NULL, counter BIGINT NOT NULL, reason TEXT NOT NULL);
        CREATE TABLE run (
            id INTEGER PRIMARY KEY, started_at_ms BIGINT NOT NULL, ended_at_ms BIGINT NOT NULL, cause TEXT NOT NULL, snapshot TEXT NOT NULL,
            device_days REAL NOT NULL, outcome TEXT NOT NULL, detail TEXT NOT NULL, release BIGINT
        );
        """
}
