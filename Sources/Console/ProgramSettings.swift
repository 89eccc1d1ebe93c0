/// The names of the settings that only one of the two programs has. Each program ignores the settings of the other program in its environment,
/// because both programs may share one environment.
package enum ProgramSettings: Sendable {
    case edge, cloud

    private var names: Set<String> {
        switch self {
        case .edge:
            [
                "VAHO_ALARM_COMMAND", "VAHO_ALARM_WEBHOOK_URL", "VAHO_DEVICE_ID", "VAHO_STATE_DIR", "VAHO_SYSFS_ROOT",
                "VAHO_SAMPLE_PERIOD_SECONDS", "VAHO_COMMIT_PERIOD_SECONDS", "VAHO_CLOUD_URL", "VAHO_TOKEN_FILE", "VAHO_RELEASE_KEY_FILE",
                "VAHO_CA_FILE", "VAHO_SYNC_PERIOD_SECONDS", "VAHO_BACKOFF_SECONDS", "VAHO_RETENTION_DAYS",
                "VAHO_STORE_LIMIT_MB", "VAHO_REPLAY_SPEED", "VAHO_PAGE_PASSWORD_FILE",
            ]
        case .cloud:
            [
                "VAHO_STORE", "VAHO_TRAIN_AFTER_DEVICE_DAYS", "VAHO_TRAIN_CHECK_SECONDS", "VAHO_SILENT_AFTER_SECONDS", "VAHO_WEBHOOK_URL",
                "VAHO_SENSORS_PER_DEVICE", "VAHO_ARCHIVE_RETENTION_DAYS", "VAHO_DEVICE_MB_PER_DAY", "VAHO_STORE_FREE_MB", "VAHO_CONNECTIONS",
                "VAHO_TLS_CERT_FILE", "VAHO_TLS_KEY_FILE", "VAHO_SIGNING_KEY_FILE", "VAHO_TRAIN_SCHEDULE", "VAHO_TRAIN_CHECK_SECONDS",
                "VAHO_ROLLOUT_STEPS", "VAHO_FORECAST_SCHEDULE", "VAHO_FORECAST_RETENTION_DAYS", "VAHO_OPERATOR_TOKEN_FILE",
                "VAHO_TRUSTED_PROXIES", "VAHO_PROXY_USER_HEADER", "VAHO_PROXY_ADMINS", "VAHO_MLFLOW_URL", "VAHO_MLFLOW_TOKEN_FILE",
            ]
        }
    }

    private var prefixes: [String] {
        switch self {
        case .edge: ["VAHO_SENSOR_", "VAHO_PLACE_", "VAHO_SURFACE_", "VAHO_RULE_"]
        case .cloud: []
        }
    }

    func contains(_ name: String) -> Bool { names.contains(name) || prefixes.contains { name.hasPrefix($0) } }
}
