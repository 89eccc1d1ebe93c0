/// The tables of users, sessions, API tokens and the audit log since version 12 of the schema, in SQL for both databases. Secrets are stored as hashes.
enum AccessSchema {
    static func version12(_ dialect: ModelSchema.Dialect) -> String {
        """

        CREATE TABLE person (
            id \(dialect.identity), name \(dialect.key) NOT NULL UNIQUE, role TEXT NOT NULL,
            password TEXT NOT NULL,  -- see PasswordHash
            created_at_ms BIGINT NOT NULL
        );
        CREATE TABLE session (
            sha256 \(dialect.key) PRIMARY KEY, person BIGINT NOT NULL REFERENCES person (id), created_at_ms BIGINT NOT NULL, used_at_ms BIGINT NOT NULL,
            address TEXT NOT NULL
        );
        CREATE INDEX session_by_person ON session (person, used_at_ms);
        CREATE TABLE api_token (
            name \(dialect.key) PRIMARY KEY, sha256 \(dialect.key) NOT NULL UNIQUE, role TEXT NOT NULL, author TEXT NOT NULL, created_at_ms BIGINT NOT NULL,
            expires_at_ms BIGINT, used_at_ms BIGINT
        );
        CREATE TABLE setup_code (sha256 \(dialect.key) PRIMARY KEY, expires_at_ms BIGINT NOT NULL);  -- one-time codes that make the first admin
        CREATE TABLE audit (
            id \(dialect.identity), at_ms BIGINT NOT NULL, author TEXT NOT NULL,
            origin TEXT NOT NULL,  -- the address of a request, `command on HOST`, or empty for a rule of the server
            action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL, reason TEXT NOT NULL
        );
        """
    }
}
