"""Compares what the sensors gave with what the cloud holds, reading by reading."""
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from . import batch_format, hostile
from .recordings import Truth

Key = tuple[str, str, int]  # device, sensor, taken_at_ms
ACCOUNTING_REASONS = ("store_repaired", "evicted_by_size")


@dataclass
class Verdict:
    sent: int
    lost: list[Key] = field(default_factory=list)
    doubled: list[Key] = field(default_factory=list)
    strange: list[tuple] = field(default_factory=list)  # in the cloud, but not given by a sensor in this form
    accounted: int = 0  # missing, but recorded by a hole
    # A damaged store that lost its newest rows makes the recording give them again, at another moment. This is not the same reading sent twice, and
    # no live sensor does this, so these readings are counted separately.
    again: int = 0


def open_read_only(path: Path) -> sqlite3.Connection:
    """Only for a moment: a connection that stays open would prevent the recovery of the WAL after a kill."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)


def count_in_cloud(archive: Path) -> int:
    database = open_read_only(archive)
    try:
        return database.execute(
            "SELECT COALESCE(SUM(b.readings), 0) FROM batch b JOIN device d ON d.id = b.device WHERE d.name <> ?", (hostile.NAME,)).fetchone()[0]
    finally:
        database.close()


def logged_batches(archive: Path):
    """Every batch of the log except the hostile device's: device, decoded batch. The row's columns must agree with the packed batch."""
    database = open_read_only(archive)
    try:
        names = dict(database.execute("SELECT id, name FROM device"))
        for number, device, epoch, first, last, readings, body in database.execute(
                "SELECT id, device, epoch, first, last, readings, body FROM batch WHERE device NOT IN (SELECT id FROM device WHERE name = ?) "
                "ORDER BY id", (hostile.NAME,)):
            batch = batch_format.decode(body)
            told = (epoch & (1 << 64) - 1, first, last, readings)
            if told != (batch.epoch, batch.first, batch.first + batch.rows - 1, len(batch.readings)):
                raise batch_format.Malformed(f"batch {number} is not what its row says: {told}")
            yield names[device], batch
    finally:
        database.close()


def holes(archive: Path) -> list[tuple[str, str | None, int, int, int]]:
    """Device, sensor (None: all), from, to, number of readings; only the reasons that may explain a missing reading."""
    database = open_read_only(archive)
    try:
        marks = ",".join("?" * len(ACCOUNTING_REASONS))
        return database.execute(
            "SELECT d.name, h.sensor, h.from_ms, h.to_ms, h.readings FROM hole h JOIN device d ON d.id = h.device "
            f"WHERE h.reason IN ({marks})", ACCOUNTING_REASONS).fetchall()
    finally:
        database.close()


def compare(truth: Truth, archive: Path, repaired: frozenset[str] = frozenset()) -> Verdict:
    """`repaired`: the devices whose stores were damaged on purpose; only for these may a hole explain a missing reading."""
    found: dict[tuple, list[tuple[int, int]]] = defaultdict(list)  # boot and running time of each
    for device, batch in logged_batches(archive):
        for reading in batch.readings:
            row = (device, reading.sensor, reading.taken_at_ms, reading.humidity_mpct, reading.temperature_mc)
            found[row].append((reading.boot, reading.boottime_ms))
    verdict = Verdict(sent=len(truth))
    expected = {key + values for key, values in truth.items()}
    missing = sorted(row[:3] for row in expected if row not in found)
    for row in sorted(expected & found.keys()):
        givings = found[row]
        if len(givings) == 1:
            continue
        if row[0] in repaired and len(set(givings)) == len(givings):
            verdict.again += 1
        else:
            verdict.doubled.append(row[:3])
    verdict.strange = sorted((row for row in found if row not in expected), key=str)
    _account(missing, holes(archive) if repaired else [], repaired, verdict)
    return verdict


def _account(missing: list[Key], known: list[tuple], repaired: frozenset[str], verdict: Verdict) -> None:
    """A missing reading is accounted for if a hole covers its time, up to the number of readings that the holes count."""
    room = Counter()
    for device, *_, readings in known:
        room[device] += readings
    for device, sensor, at in missing:
        covered = device in repaired and room[device] > 0 and any(
            device == hole[0] and hole[1] in (None, "", sensor) and hole[2] <= at <= hole[3] for hole in known)
        if covered:
            room[device] -= 1
            verdict.accounted += 1
        else:
            verdict.lost.append((device, sensor, at))


def words(key: tuple) -> str:
    at = datetime.fromtimestamp(key[2] / 1000, timezone.utc).isoformat(timespec="milliseconds")
    return " ".join([str(key[0]), str(key[1]), at, *map(str, key[3:])])
