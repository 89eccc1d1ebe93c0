/// The tables of former names, settings and deletions of devices since version 13 of the schema, in SQL for both databases.
enum FleetSchema {
    static func version13(_ dialect: ModelSchema.Dialect) -> String {
        """

        ALTER TABLE device ADD COLUMN place TEXT NOT NULL DEFAULT '';
        CREATE TABLE former_name (  -- names under which a device may still send
            name \(dialect.key) PRIMARY KEY, device BIGINT NOT NULL, until_ms BIGINT NOT NULL
        );
        CREATE INDEX former_name_by_device ON former_name (device);
        CREATE TABLE device_settings (  -- the settings that an admin has chosen for a device
            device BIGINT PRIMARY KEY, serial BIGINT NOT NULL, at_ms BIGINT NOT NULL, author TEXT NOT NULL,
            settings TEXT NOT NULL  -- one line NAME=value for each
        );
        CREATE TABLE device_deletion (device BIGINT PRIMARY KEY, requested_at_ms BIGINT NOT NULL);  -- devices whose data is being deleted
        """
    }
}
