/// Describes a table that `vaho-cloud migrate` copies row by row. The first `keyLength` columns are a unique key of the table.
struct ArchiveTable: Sendable, Equatable {
    let name: String
    let columns: [String]
    let keyLength: Int
    let timeColumn: String?  // the column by which PostgreSQL partitions the table
    let hasIdentity: Bool  // in PostgreSQL, a sequence gives the values of the column `id`

    private init(_ name: String, key: String, _ rest: String = "", timeColumn: String? = nil, hasIdentity: Bool = false) {
        func names(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }
        self.name = name
        columns = names(key) + names(rest)
        keyLength = names(key).count
        self.timeColumn = timeColumn
        self.hasIdentity = hasIdentity
    }

    /// The tables that are copied row by row, in an order in which a table comes after the tables that its foreign keys name. The tables
    /// `access_version` and `log_month` are not in the list: `Archive.setTotals` copies their sums, because PostgreSQL has several rows
    /// of `log_month` for a month where SQLite has one.
    static let all = [
        ArchiveTable("signing_key", key: "id", "public_key"),
        ArchiveTable("release_key_set", key: "serial", "at_ms author reason body"),
        ArchiveTable(
            "device", key: "id",
            "name created_at_ms revoked_at_ms last_seen_at_ms report rotate_at_ms state severity_rank reported_clock judge_due refused_at_ms "
                + "refused_detail sensor_states live_scores key_set_serial place", hasIdentity: true),
        ArchiveTable("former_name", key: "name", "device until_ms"),
        ArchiveTable("device_settings", key: "device", "serial at_ms author settings"),
        ArchiveTable("device_deletion", key: "device", "requested_at_ms"),
        ArchiveTable("token", key: "sha256", "device created_at_ms replaces"),
        ArchiveTable("enrolment_code", key: "sha256", "device created_at_ms expires_at_ms used_at_ms"),
        ArchiveTable("held", key: "device epoch first", "last"),
        ArchiveTable("epoch", key: "device epoch", "first_seen_at_ms expired_through"),
        ArchiveTable("refused", key: "device epoch sequence", "reason"),
        ArchiveTable(
            "batch", key: "device id", "epoch first last received_at_ms readings body boot_first boot_last", timeColumn: "received_at_ms",
            hasIdentity: true),
        ArchiveTable(
            "device_log", key: "device",
            "last_batch last_amendment day day_bytes pending through amended_through phase target scanned rederived_at_ms withheld_from_ms "
                + "claimed_until_ms frozen_until_ms frozen_through newest_ahead_at_ms rederive_due_at_ms previous_rederived_at_ms postponed_from_ms"),
        ArchiveTable("plain_reading", key: "device sensor taken_at_ms", "content"),
        ArchiveTable(
            "sensor", key: "device id", "name kind driver serial place step_s observations last_at_ms reported observed quiet", hasIdentity: true),
        ArchiveTable("sensor_name", key: "device name"),
        ArchiveTable(
            "observation_bin", key: "device sensor valid_at_ms",
            "readings failed humidity_sum_mpct humidity_min_mpct humidity_max_mpct temperature_readings temperature_sum_mc pressure_readings "
                + "pressure_sum_pa flags", timeColumn: "valid_at_ms"),
        ArchiveTable("inexact_bin", key: "device sensor valid_at_ms", "humidity_min_mpct humidity_max_mpct flags"),
        ArchiveTable("hole", key: "device epoch sequence", "sensor reason from_ms to_ms readings"),
        ArchiveTable(
            "clock_correction", key: "device epoch sequence", "id batch boot offset_ms from_ms to_ms", hasIdentity: true),
        ArchiveTable(
            "calibration", key: "device epoch sequence", "id batch sensor from_ms gain_ppm offset_mpct said_at_ms", hasIdentity: true),
        ArchiveTable("sensor_rename", key: "device epoch sequence", "id batch sensor name until_ms said_at_ms", hasIdentity: true),
        ArchiveTable("alarm", key: "id", "device kind since_ms raised_at_ms ended_at_ms told last_at_ms", hasIdentity: true),
        ArchiveTable("sensor_week", key: "device sensor week", "version packed_version observations sha256"),
        ArchiveTable("packed_week", key: "device sensor week sha256", "body"),
        ArchiveTable(
            "snapshot", key: "id", "sha256 created_at_ms reason sensors weeks observations days first_week last_week", hasIdentity: true),
        ArchiveTable(
            "snapshot_sensor", key: "device sensor snapshot", "device_name sensor_name step_s observations sha256 body"),
        ArchiveTable("release", key: "counter", "sha256 model_id created_at_ms snapshot parent backtest body run mirror"),
        ArchiveTable("alias", key: "name", "counter"),
        ArchiveTable("alias_history", key: "id", "at_ms name counter author reason", hasIdentity: true),
        ArchiveTable("device_release", key: "device since_ms", "counter sha256"),
        ArchiveTable("device_tag", key: "device tag"),
        ArchiveTable(
            "run", key: "id",
            "kind cause author created_at_ms ended_at_ms step failed_attempts retry_at_ms cancelled_by outcome detail snapshot device_days release notify mirror",
            hasIdentity: true),
        ArchiveTable("run_step", key: "run step", "name state inputs attempts started_at_ms ended_at_ms detail"),
        ArchiveTable("run_figure", key: "run name", "value"),
        ArchiveTable("run_log", key: "run number", "at_ms step message"),
        ArchiveTable(
            "run_evidence", key: "run place",
            "subject targets blocks candidate champion change_share low high allowed_low allowed_high status"),
        ArchiveTable("run_candidate", key: "run", "sha256 body"),
        ArchiveTable("schedule", key: "name", "due_at_ms"),
        ArchiveTable(
            "rollout", key: "id",
            "release control tags steps step changed_at_ms through state author cause run created_at_ms ended_at_ms detail", hasIdentity: true),
        ArchiveTable("rollout_event", key: "rollout number", "at_ms author event reason"),
        ArchiveTable(
            "sensor_day", key: "device sensor day", "share humidity_pct vapour_hpa saturation_hpa change_pct still_share hours"),
        ArchiveTable("sensor_health", key: "device sensor", "day observable peers drift_sum"),
        ArchiveTable(
            "sensor_alarm", key: "id",
            "device sensor finding since_day found_day size raised_at_ms ended_at_ms ended_by reason is_fault told", hasIdentity: true),
        ArchiveTable("quarantine", key: "device sensor alarm", "from_day until_day"),
        ArchiveTable("model_health", key: "release lead_s", "day state targets skill expected coverage"),
        ArchiveTable("maintenance", key: "id", "device from_ms until_ms author reason", hasIdentity: true),
        ArchiveTable("release_stop", key: "id", "at_ms author reason ended_at_ms ended_by", hasIdentity: true),
        ArchiveTable("release_block", key: "counter", "at_ms author reason"),
        ArchiveTable("release_rejection", key: "device counter", "sha256 reason detail at_ms received_at_ms"),
        ArchiveTable(
            "live_score", key: "device sensor day release lead_s",
            "targets error_mpct persistence_mpct climatology_mpct pinball_mpct covered rival compared compared_mpct rival_mpct"),
        ArchiveTable(
            "stored_forecast", key: "device sensor origin_ms lead_s",
            "release p05_mpct p10_mpct p25_mpct p50_mpct p75_mpct p90_mpct p95_mpct"),
        ArchiveTable("retention", key: "id", "cutoff_ms now_ms"),
        ArchiveTable("person", key: "id", "name role password created_at_ms", hasIdentity: true),
        ArchiveTable("session", key: "sha256", "person created_at_ms used_at_ms address"),
        ArchiveTable("api_token", key: "name", "sha256 role author created_at_ms expires_at_ms used_at_ms"),
        ArchiveTable("setup_code", key: "sha256", "expires_at_ms"),
        ArchiveTable("audit", key: "id", "at_ms author origin action subject detail reason", hasIdentity: true),
        ArchiveTable("state_total", key: "kind state", "number"),
    ]

    private var key: String { columns.prefix(keyLength).joined(separator: ", ") }
    private static func marks(_ count: Int) -> String { Array(repeating: "?", count: count).joined(separator: ", ") }

    /// Selects the rows whose key is greater than a given key, sorted by key. Parameters: one for each key column, then the maximum number of rows.
    var selectAfter: String {
        "SELECT \(columns.joined(separator: ", ")) FROM \(name) WHERE (\(key)) > (\(Self.marks(keyLength))) ORDER BY \(key) LIMIT ?"
    }
    /// Selects the first rows, sorted by key. Parameter: the maximum number of rows.
    var selectFirst: String { "SELECT \(columns.joined(separator: ", ")) FROM \(name) ORDER BY \(key) LIMIT ?" }
    var selectLastKey: String {
        "SELECT \(key) FROM \(name) ORDER BY \(columns.prefix(keyLength).map { "\($0) DESC" }.joined(separator: ", ")) LIMIT 1"
    }
    var insert: String { "INSERT INTO \(name) (\(columns.joined(separator: ", "))) VALUES (\(Self.marks(columns.count)))" }
    /// Deletes some rows of a device. Parameters: the device's id, then the maximum number of rows.
    var deleteOfDevice: String { "DELETE FROM \(name) WHERE (\(key)) IN (SELECT \(key) FROM \(name) WHERE device = ? LIMIT ?)" }
}
