"""Recordings for `replay:` sensors, together with the truth: every reading that a sensor will give."""
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SPACING_SECONDS = 60

# (device, sensor, taken_at_ms) -> (humidity_mpct, temperature_mc)
Truth = dict[tuple[str, str, int], tuple[int, int]]


def beginning(chance: random.Random) -> datetime:
    """The start of all recordings of a device: its replay clock starts at the earliest one and runs on from there."""
    return datetime(2024, 1, 1, tzinfo=timezone.utc) + timedelta(days=chance.randrange(300))


def write(path: Path, device: str, sensor: str, start: datetime, rows: int, chance: random.Random) -> Truth:
    """A random walk with one row a minute; the times deviate from the minute so that no two differences are equal."""
    truth: Truth = {}
    humidity, temperature = chance.randrange(30_000, 70_000), chance.randrange(5_000, 25_000)
    with path.open("w") as file:
        file.write("time,humidity_pct,temperature_c\n")
        for row in range(rows):
            at = start + timedelta(seconds=row * SPACING_SECONDS, milliseconds=chance.randrange(2_000))
            humidity = min(99_000, max(1_000, humidity + chance.randrange(-200, 201)))
            temperature = min(45_000, max(-20_000, temperature + chance.randrange(-50, 51)))
            sign = "-" if temperature < 0 else ""
            file.write(f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z,{humidity // 1000}.{humidity % 1000:03d},"
                       f"{sign}{abs(temperature) // 1000}.{abs(temperature) % 1000:03d}\n")
            truth[device, sensor, (at - EPOCH) // timedelta(milliseconds=1)] = (humidity, temperature)
    return truth
