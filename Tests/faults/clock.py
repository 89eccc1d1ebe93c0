"""The edge's wall clock jumps: to 1970, two weeks back, a year ahead, and back to the right time. The sensors are live.

The expected rows are those that the edge has committed; each must be in the cloud once, with the same content.
"""
import shutil
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path

from . import hostile, system
from . import verdict as verdicts
from .programs import Edge
from .scenario import Scenario, ScenarioFault

DAY = 86_400
EPOCH_BITS = (1 << 64) - 1

# (device, epoch, sequence) -> sensor, taken at, humidity, temperature, pressure, flags, clock, boot, boot time
Rows = dict[tuple[str, int, int], tuple]


class ClockScenario(Scenario):
    name = "clock"
    device_count = 3

    def set_up(self) -> None:
        compiler = shutil.which("clang") or shutil.which("cc")  # the Swift toolchain includes one
        if compiler is None:
            raise ScenarioFault("missing: a C compiler, for the clock that is preloaded into the edges")
        library = self.work / "wall_clock.so"
        system.run(f"{compiler} -shared -fPIC -O1 -Wall -Werror -o", library, Path(__file__).with_name("wall_clock.c"))
        self.start_cloud()
        for number in range(self.device_count):
            name = f"d{number:02d}"
            offset = self.work / f"{name}.offset"
            offset.write_bytes(bytes(8))
            self.edges.append(Edge(
                name, self.work, self.binaries, self.cloud.url, self.cloud.add_device(name), self.work / f"{name}-state",
                {"air": "simulated:room,seed=7", "wall": f"simulated:outdoor,seed={number + 1}"},
                variables={
                    "VAHO_SAMPLE_PERIOD_SECONDS": "1", "LD_PRELOAD": str(library), "WALL_CLOCK_OFFSET_FILE": str(offset),
                }))
        for edge in self.edges:
            edge.start()

    def inject(self) -> None:
        self.in_parallel([lambda edge=edge: self.jump_again_and_again(edge) for edge in self.edges])

    def jump_again_and_again(self, edge: Edge) -> None:
        chance = self.chance(edge.name)
        jumps = {"to 1970": None, "two weeks back": -14 * DAY, "a year ahead": 365 * DAY, "an hour ahead": 3_600}
        while self.pause(chance.uniform(1.5, 4)):
            kind = chance.choice(list(jumps))
            self.set_clock(edge, jumps[kind])
            self.fault(kind)
            self.pause(chance.uniform(1, 6))
            if chance.random() < 0.7:  # otherwise the next jump starts from the wrong time
                self.set_clock(edge, 0)
                self.fault("back to right")
            self.look_after(edge)

    def set_clock(self, edge: Edge, seconds: int | None) -> None:
        """Sets the clock by an offset; None: near the start of 1970, where a board without a clock starts."""
        if seconds is None:
            seconds = 600 - int(time.time())
        with open(edge.variables["WALL_CLOCK_OFFSET_FILE"], "r+b", buffering=0) as file:  # the edge maps the file and sees the change at once
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))

    def settle(self) -> None:
        for edge in self.edges:
            self.set_clock(edge, 0)
        self.over.wait(0.1)
        self.given: Rows = {}
        for edge in self.edges:
            self.attempt(edge.stop)
            rows = stored_rows(edge.name, edge.store)
            self.given |= rows
            self.check_order(edge.name, rows)
            if len(rows) < self.seconds:  # half of the readings due: two sensors, once a second
                self.problem(f"{edge.name} has only {len(rows)} readings of {self.seconds:.0f} s: it stopped sampling")
            # The edge keeps sending but hardly samples, so the set of expected rows is known.
            edge.variables["VAHO_SAMPLE_PERIOD_SECONDS"] = "86400"
            edge.start()
        self.truth = self.given  # the drain waits for this many rows

    def check_order(self, device: str, rows: Rows) -> None:
        last: dict[tuple[str, int], int] = {}  # by sensor and boot
        for (_, _, sequence), row in rows.items():
            sensor, boot, boottime = row[0], row[-2], row[-1]
            if boottime < last.get((sensor, boot), 0):
                self.problem(f"{device}: sequences are not in time order at {sequence}")
                return
            last[sensor, boot] = boottime

    def compare(self) -> verdicts.Verdict:
        copies: Counter = Counter()
        content: dict[tuple[str, int, int], tuple] = {}
        for device, batch in verdicts.logged_batches(self.cloud.archive):
            for reading in batch.readings:
                name = (device, batch.epoch, reading.sequence)
                copies[name] += 1
                content[name] = (
                    reading.sensor, reading.taken_at_ms, reading.humidity_mpct, reading.temperature_mc, reading.pressure_pa,
                    reading.flags, reading.clock, reading.boot, reading.boottime_ms)
        found = verdicts.Verdict(sent=len(self.given))
        for name, row in self.given.items():
            told = (name[0], *row[:2], f"{name[1]:016x}/{name[2]}")
            if name not in copies:
                found.lost.append(told)
            elif copies[name] > 1:
                found.doubled.append(told)
            elif content[name] != row:
                found.strange.append(told)
        found.doubled += self.same_under_two_names(content)
        return found

    def same_under_two_names(self, content: dict[tuple[str, int, int], tuple]) -> list[tuple]:
        """The same sensor at the same instant of running time, in two rows."""
        seen, twice = set(), []
        for name, row in content.items():
            giving = (name[0], row[0], row[-2], row[-1])
            if giving in seen:
                twice.append((name[0], *row[:2], f"{name[1]:016x}/{name[2]}"))
            seen.add(giving)
        return twice

    def finish(self) -> None:
        super().finish()
        database = verdicts.open_read_only(self.cloud.archive)
        refused = database.execute(
            "SELECT reason, COUNT(*) FROM refused WHERE device NOT IN (SELECT id FROM device WHERE name = ?) GROUP BY reason",
            (hostile.NAME,)).fetchall()
        database.close()
        if refused:
            self.outcome.notes.append("refused by the cloud: " + ", ".join(f"{reason} {count}" for reason, count in refused))


def stored_rows(device: str, store: Path) -> Rows:
    """Every reading in an edge's store, in sequence order. The only place here that knows the store's tables."""
    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    try:
        epochs = dict(database.execute("SELECT number, epoch FROM life"))
        rows = database.execute(
            "SELECT r.key, s.name, r.taken_at_ms, r.humidity_mpct, r.temperature_mc, r.pressure_pa, r.flags, r.clock, r.boot, "
            "r.boottime_ms FROM reading r JOIN sensor s ON s.id = r.sensor ORDER BY r.key")
        return {(device, epochs[key >> 40] & EPOCH_BITS, key & (1 << 40) - 1): tuple(row) for key, *row in rows}
    finally:
        database.close()
