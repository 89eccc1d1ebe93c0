"""Turns an edge's store back into version 3, which kept alarms, renames, copies of names and the accepted release as text."""
import sqlite3

SEPARATOR = "\x1f"
TABLES = ["life_copy", "sensor_copy", "calibration", "sensor_rename", "raised_alarm", "waiting_alarm", "accepted_release"]


def turn_back(path: str) -> None:
    """The store's program must have ended."""
    database = sqlite3.connect(path)
    if database.execute("PRAGMA user_version").fetchone()[0] != 4:
        return  # the program was killed before the migration
    with database:
        for name, value in texts(database):
            database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
        for table in TABLES:
            database.execute(f"DROP TABLE {table}")
        database.execute("PRAGMA user_version = 3")
    database.close()


def texts(database: sqlite3.Connection):
    for number, epoch in database.execute("SELECT number, epoch FROM life_copy"):
        yield f"life:{number}", f"{epoch & (1 << 64) - 1:016x}"
    for number, name in database.execute("SELECT id, name FROM sensor_copy"):
        yield f"sensor:{number}", name
    for sensor, name, until, said_at in database.execute("SELECT sensor, name, until_ms, said_at_ms FROM sensor_rename"):
        yield f"rename.{said_at}.{sensor}", f"{sensor} {name} {until}"
    said_at = database.execute("SELECT MAX(said_at_ms) FROM calibration").fetchone()[0]
    if said_at is not None:
        yield "calibrations_through", str(said_at)
    columns = "rule, text, sensor, state, since_ms, at_ms, value, valid_at_ms"
    for alarm in database.execute(f"SELECT {columns} FROM raised_alarm"):
        yield f"alarm.raised.{alarm[0]}.{alarm[2]}", joined(alarm)
    for number, target, *alarm in database.execute(f"SELECT number, target, {columns} FROM waiting_alarm"):
        yield f"alarm.untold.{target}.{number:016d}", joined(alarm)
    for counter, sha256 in database.execute("SELECT counter, sha256 FROM accepted_release"):
        yield "release_counter", str(counter)
        yield "release_sha256", sha256


def joined(alarm) -> str:
    return SEPARATOR.join("" if field is None else str(field) for field in alarm)
