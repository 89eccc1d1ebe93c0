"""The year: starts the cloud and the devices, lets things go wrong at their times, and checks at the end what the programs did about them."""
import os
import sqlite3
import subprocess
import time
from pathlib import Path

from faults.programs import Cloud, Edge

from . import building

ROOMS = 12
DAY_MS = 86_400_000
START_MS = int(building.START.timestamp() * 1000)


class Unmet(Exception):
    """Something that the year must show did not happen."""


class Year:
    """Days of the year on which something happens. The names of the rooms are those of the building.

    While the rooms are cooled at night, their humidity has a strong daily rhythm, in which the release with the trap is bad.
    """

    drift = ("room05", 95)  # 2 % a month
    trap = 92
    cooling = range(148, 166)
    flat = ("room08", 170)
    poison = 180
    last = 14  # the days at the end whose errors are compared
    # With fewer days, the release with the trap is rolled out by hand if it has passed no verdict in time, and the last errors are not compared: a
    # short history leaves both to chance.
    whole = 365

    def __init__(self, days: int):
        self.days = days
        self.is_whole = days >= self.whole

    def faults(self) -> dict[str, building.Fault]:
        return {self.drift[0]: building.Fault("drift", self.drift[1], 2.0), self.flat[0]: building.Fault("flat", self.flat[1])}


class Fleet:
    """A cloud and twelve devices that replay the recordings of the rooms."""

    def __init__(self, folder: Path, recordings: Path, binaries: Path, speed: int, trains: bool):
        folder.mkdir(exist_ok=True)
        pretrained = {"VAHO_PRETRAINED_FILE": str(binaries / "pretrained.vaho")}
        self.binaries = binaries
        self.cloud = Cloud(folder, binaries)
        # A run for each 28 days of the twelve rooms.
        self.cloud.variables |= pretrained | {"VAHO_TRAIN_AFTER_DEVICE_DAYS": str(28 * ROOMS), "VAHO_TRAIN_CHECK_SECONDS": "1" if trains else "86400"}
        self.edges: list[Edge] = []
        self.recordings, self.folder, self.speed, self.pretrained = recordings, folder, speed, pretrained

    def start_cloud(self) -> None:
        self.cloud.first_start()
        for number in range(1, ROOMS + 1):
            name = f"room{number:02}"
            token = self.cloud.add_device(name)
            keys = {"VAHO_RELEASE_KEY_FILE": str(token.parent / "release-keys")}
            self.edges.append(Edge(name, self.folder, self.binaries, self.cloud.url, token, self.folder / name / "state",
                                   {"air": f"replay:{self.recordings}/{name}.csv"}, self.speed, self.pretrained | keys))

    @property
    def programs(self) -> list:
        return [*self.edges, self.cloud]

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [str(self.binaries / "vaho-cloud"), *words], env=os.environ | self.cloud.variables | {"USER": "operator"}, capture_output=True, text=True)
        if done.returncode != 0:
            raise Unmet(f"vaho-cloud {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def rows(self, query: str, *values) -> list[tuple]:
        connection = sqlite3.connect(f"file:{self.cloud.archive}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def day(self) -> float:
        """The day of the year up to which every device has delivered."""
        last = [row[0] for row in self.rows("SELECT last_at_ms FROM sensor WHERE last_at_ms IS NOT NULL")]
        return (min(last) - START_MS) / DAY_MS if len(last) == ROOMS else 0.0

    def run(self, days: int, each_second=lambda day: None) -> None:
        """Starts the devices and waits until the recordings end."""
        for edge in self.edges:
            edge.start()
        limit = time.monotonic() + 180 + 5 * days * 86_400 / self.edges[0].speed
        while (day := self.day()) < days - 1.5:
            if time.monotonic() > limit:
                raise Unmet(f"the devices are at day {day:.0f} of {days}")
            for program in self.programs:
                if not program.is_running():
                    raise Unmet(f"{program.name} has ended: {program.last_words()}")
            each_second(day)
            time.sleep(1)
        while not self.has_judged(days):
            if time.monotonic() > limit:
                raise Unmet("the cloud has not judged the last days of all sensors")
            time.sleep(1)

    def has_judged(self, days: int) -> bool:
        """Whether the live errors of the last days have arrived, and all sensors without an alarm are judged up to these days."""
        last = START_MS // DAY_MS + days - 3
        reported = self.rows("SELECT COUNT(DISTINCT device) FROM live_score WHERE day >= ?", last)[0][0]
        judged = self.rows("SELECT COUNT(*) FROM sensor_health h WHERE h.day >= ? OR EXISTS (SELECT 1 FROM sensor_alarm a "
                           "WHERE a.device = h.device AND a.sensor = h.sensor AND a.ended_at_ms IS NULL)", last)[0][0]
        return reported == ROOMS and judged == ROOMS

    def stop(self) -> None:
        for program in self.programs:
            program.stop()

    def kill(self) -> None:
        for program in self.programs:
            program.kill()

    def errors(self, first: int, end: int, without: set[str]) -> dict[tuple[str, int, int], tuple[int, int]]:
        """Targets and summed absolute errors (thousandths of %RH), by room, day and lead time (s), of all releases that were in use on the day."""
        rows = self.rows(
            "SELECT d.name, l.day, l.lead_s, SUM(l.targets), SUM(l.error_mpct) FROM live_score l JOIN device d ON d.id = l.device "
            "WHERE l.day >= ? AND l.day < ? GROUP BY d.name, l.day, l.lead_s", START_MS // DAY_MS + first, START_MS // DAY_MS + end)
        return {(name, day, lead): (targets, error) for name, day, lead, targets, error in rows if name not in without}


class Story:
    def __init__(self, folder: Path, binaries: Path, tool: Path, year: Year, seed: int, speed: int):
        self.folder, self.binaries, self.tool, self.year, self.speed = folder, binaries, tool, year, speed
        self.recordings, self.seed = folder / "recordings", seed
        self.fleet = Fleet(folder / "fleet", self.recordings, binaries, speed, trains=True)
        self.fleets = [self.fleet]
        self.started = time.monotonic()
        self.shown = -28
        self.trapped: int | None = None  # the counter of the release with the trap, when it has passed its verdict
        self.trap_day = 0.0
        self.is_aborted = False
        self.poison_run: int | None = None

    def seconds(self) -> float:
        return time.monotonic() - self.started

    def tell(self, text: str) -> None:
        print(f"{self.seconds():5.0f} s  {text}", flush=True)

    def run(self) -> None:
        self.recordings.mkdir()
        building.write(self.recordings, self.seed, self.year.days, ROOMS, self.year.faults(), self.year.cooling)
        self.fleet.start_cloud()
        self.make_trap()
        self.fleet.run(self.year.days, self.each_second)
        self.fleet.stop()

    def each_second(self, day: float) -> None:
        if day >= self.shown + 28:
            self.shown = int(day // 28 * 28)
            self.tell(f"day {day:.0f}")
        self.trap(day)
        if day >= self.year.poison:
            self.poison(day)

    def kill(self) -> None:
        for fleet in self.fleets:
            fleet.kill()

    # --- what goes wrong on purpose

    def is_busy(self) -> bool:
        return bool(self.fleet.rows("SELECT 1 FROM run WHERE ended_at_ms IS NULL UNION ALL SELECT 1 FROM rollout WHERE ended_at_ms IS NULL"))

    def spoil(self, kind: str, good: Path, out: Path) -> None:
        done = subprocess.run(
            [str(self.tool), "spoil", "--release", str(good), "--kind", kind, "--data", str(self.recordings), "--out", str(out)],
            capture_output=True, text=True)
        if done.returncode != 0:
            raise Unmet(f"vaho-bench spoil: {done.stderr[:500]}")

    def make_trap(self) -> None:
        """A network that was trained elsewhere, on the whole recordings, and is bad on the days of cooling only."""
        own, self.trap_file = self.folder / "own.vaho", self.folder / "trap.vaho"
        self.fleet.command("train", "--data", str(self.recordings), "--share", "95", "--out", str(own))
        self.spoil("trap", own, self.trap_file)

    def trap(self, day: float) -> None:
        """Gives the network with the trap to runs, until it passes its verdict: with little history a verdict is inconclusive."""
        if self.trapped or not self.year.trap <= day < self.year.cooling.start + 6:
            return
        is_late = not self.year.is_whole and day >= self.year.cooling.start - 14
        ended = self.fleet.rows("SELECT outcome, release, detail FROM run WHERE cause LIKE 'candidate %: made elsewhere' AND ended_at_ms IS NOT NULL ORDER BY id")
        if ended and ended[-1][0] == "rolling_out":
            self.trapped = ended[-1][1]
            self.tell(f"day {day:.0f}: release {self.trapped}, which has a trap, passes its verdict")
        elif is_late and not self.is_aborted and self.fleet.rows("SELECT 1 FROM rollout WHERE ended_at_ms IS NULL"):
            self.fleet.command("rollout", "abort", "--reason", "makes room for the release with the trap")
            self.is_aborted = True
        elif not self.is_busy():
            if is_late:
                self.roll_out_by_hand(day)
            elif day >= self.trap_day + 5:
                self.trap_day = day
                self.start_run(self.trap_file, "made elsewhere")

    def roll_out_by_hand(self, day: float) -> None:
        signed = self.folder / "signed.vaho"
        key = self.fleet.cloud.store / "release-signing.key"
        self.fleet.command("models", "sign", str(self.trap_file), "--key", str(key), "--out", str(signed))
        self.trapped = int(self.fleet.command("models", "import", str(signed)).split()[1])
        self.fleet.command("rollout", "start", str(self.trapped), "--reason", "no verdict yet")
        self.tell(f"day {day:.0f}: release {self.trapped}, which has a trap, has passed no verdict yet and is rolled out by hand")

    def start_run(self, file: Path, reason: str) -> int | None:
        """The number of the run; None if another run began at the same moment."""
        try:
            return int(self.fleet.command("runs", "start", "--candidate", str(file), "--reason", reason).split()[1])
        except Unmet as unmet:
            if "in progress" in str(unmet):
                return None
            raise

    def poison(self, day: float) -> None:
        """Gives a copy of the champion that forecasts the opposite of each change to a run."""
        champion = self.fleet.rows("SELECT counter FROM alias WHERE name = 'champion'")
        if self.poison_run is not None or not champion or self.is_busy():
            return
        self.fleet.command("models", "export", str(champion[0][0]), "--out", str(self.folder / "champion"))
        poisoned = self.folder / "poisoned.vaho"
        self.spoil("mirror", self.folder / "champion" / "release.vaho", poisoned)
        self.poison_run = self.start_run(poisoned, "poisoned")
        if self.poison_run:
            self.tell(f"day {day:.0f}: a poisoned network is given to run {self.poison_run}")

    # --- the checks

    def check(self) -> list[str]:
        return [self.retrained(), self.refused(), self.rolled_back(), *self.quarantined(), *([self.improved()] if self.year.is_whole else [])]

    def retrained(self) -> str:
        trained = self.fleet.rows("SELECT COUNT(*) FROM run WHERE cause = 'new data' AND ended_at_ms IS NOT NULL")[0][0]
        failed = self.fleet.rows("SELECT id, detail FROM run WHERE outcome = 'failed'")
        if failed or trained < self.year.days // 28 // 3:
            raise Unmet(f"{trained} training runs, failed: {failed}")
        return f"{trained} training runs by new data, none failed"

    def refused(self) -> str:
        if self.poison_run is None:
            raise Unmet("the poisoned network was not judged")
        outcome, detail = self.fleet.rows("SELECT outcome, detail FROM run WHERE id = ?", self.poison_run)[0]
        if outcome != "champion_kept" or not detail.startswith("fail"):
            raise Unmet(f"the poisoned network: {outcome}, {detail}")
        return f"the poisoned network is refused: {detail}"

    def rolled_back(self) -> str:
        if not self.trapped:
            details = self.fleet.rows("SELECT detail FROM run WHERE cause LIKE 'candidate %: made elsewhere' ORDER BY id")
            raise Unmet(f"the release with the trap has not passed a verdict: {details}")
        blocked = self.fleet.rows("SELECT author, reason FROM release_block WHERE counter = ?", self.trapped)
        if not blocked:
            raise Unmet(f"release {self.trapped}, which is bad in life, was not rolled back")
        rejected = self.fleet.rows(
            "SELECT COUNT(*) FROM release_rejection WHERE counter = ? AND reason = 'live_error'", self.trapped)[0][0]
        return f"the release that is bad in life is rolled back: {blocked[0][1]}; in the end {rejected} devices have given it up by themselves"

    def quarantined(self) -> list[str]:
        lines = []
        for (room, since), finding, weeks in ((self.year.drift, "drift", 10), (self.year.flat, "flat", 2)):
            found = self.fleet.rows(
                "SELECT a.found_day FROM sensor_alarm a JOIN device d ON d.id = a.device JOIN quarantine q ON q.alarm = a.id "
                "WHERE d.name = ? AND a.finding = ? ORDER BY a.id", room, finding)
            late = [row[0] - START_MS // DAY_MS - since for row in found]
            if not any(0 <= each <= 7 * weeks for each in late):
                raise Unmet(f"{room}: its fault ({finding}) since day {since} was found after {late} days")
            lines.append(f"{room} is in quarantine {min(each for each in late if each >= 0)} days after its fault began ({finding})")
        wrong = self.fleet.rows(
            "SELECT COUNT(*) FROM sensor_alarm a JOIN device d ON d.id = a.device WHERE d.name NOT IN (?, ?)",
            self.year.drift[0], self.year.flat[0])[0][0]
        weeks = (ROOMS - 2) * self.year.days / 7
        lines.append(f"{wrong} alarms about the {ROOMS - 2} sound sensors: {wrong / weeks:.3f} for each sensor and week")
        return lines

    def improved(self) -> str:
        """Compares the live errors of the last days with those of a fleet that has kept the shipped release, on the same targets."""
        control = Fleet(self.folder / "control", self.recordings, self.binaries, self.speed * 2, trains=False)
        self.fleets.append(control)
        control.start_cloud()
        control.run(self.year.days)
        control.stop()
        sound = {self.year.drift[0], self.year.flat[0]}
        first, end = self.year.days - self.year.last, self.year.days - 1
        mine, theirs = self.fleet.errors(first, end, sound), control.errors(first, end, sound)
        both = mine.keys() & theirs.keys()
        if len(both) < 0.9 * len(theirs) or not both:
            raise Unmet(f"{len(both)} of {len(theirs)} live errors of the last days can be compared")
        ratio = sum(mine[key][1] / mine[key][0] for key in both) / sum(theirs[key][1] / theirs[key][0] for key in both)
        text = f"live error of the last {self.year.last} days: {ratio:.3f} times that of the same devices with the shipped release"
        if ratio >= 1:
            raise Unmet(text)
        return text

    def decisions(self) -> str:
        if not self.fleet.cloud.archive.exists():
            return "none"
        return self.fleet.command("decisions", "--limit", "1000")
