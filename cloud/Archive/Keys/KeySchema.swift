/// The tables of the fleet's keys since version 11 of the schema, in SQL for both databases.
enum KeySchema {
    static let version11 = """

        CREATE TABLE release_key_set (  -- signed lists of the keys that devices trust: see ReleaseKeySet
            serial BIGINT PRIMARY KEY, at_ms BIGINT NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL
        );
        -- the serial of the newest key set that the device has accepted, from its last request for key sets
        ALTER TABLE device ADD COLUMN key_set_serial BIGINT NOT NULL DEFAULT 0;
        """
}
