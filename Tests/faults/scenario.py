"""Shared by all scenarios: a cloud, edges on recordings, faults until the time is over, then drain and compare."""
import contextlib
import random
import shutil
import threading
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from . import hostile, recordings
from . import verdict as verdicts
from .programs import Cloud, Edge, Program, ProgramFault

SENSORS = ("air", "wall")


@dataclass
class Outcome:
    name: str
    faults: Counter
    verdict: verdicts.Verdict | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0
    drained_in: float = 0

    @property
    def is_good(self) -> bool:
        found = self.verdict
        return not self.problems and found is not None and not (found.lost or found.doubled or found.strange)


class ScenarioFault(Exception):
    """A scenario cannot continue; the message says why."""


class Scenario:
    name = ""
    device_count = 4
    rows_per_second = 10  # of each sensor
    drain_seconds = 60

    def __init__(self, seed: int, seconds: float, work: Path, binaries: Path):
        self.seed, self.seconds, self.work, self.binaries = seed, seconds, work, binaries
        self.outcome = Outcome(self.name, Counter())
        self.truth: recordings.Truth = {}
        self.edges: list[Edge] = []
        self.cloud: Cloud | None = None
        self.hostile: Program | None = None
        self.repaired: frozenset[str] = frozenset()
        self.over = threading.Event()  # no more faults
        self.counting = threading.Lock()
        work.mkdir(parents=True)

    # Overridden by scenarios.

    def set_up(self) -> None:
        self.start_cloud()
        for number in range(self.device_count):
            self.add_edge(f"d{number:02d}")
        for edge in self.edges:
            edge.start()

    def inject(self) -> None:
        raise NotImplementedError

    def settle(self) -> None:
        """Runs after the last fault and repairs everything that was broken on purpose."""

    # The steps of a run.

    def run(self) -> Outcome:
        began = time.monotonic()
        try:
            with contextlib.ExitStack() as self.cleanup:
                self.cleanup.callback(self.end_programs)
                self.ends_at = began + self.seconds
                self.set_up()
                self.hostile = hostile.beside(self.cloud, self.seed)
                self.hostile.start()
                self.ends_at = time.monotonic() + self.seconds
                self.inject()
                self.over.set()
                self.hostile.stop()
                self.outcome.notes.append(f"a hostile device was answered: {self.hostile.last_words() or 'nothing'}")
                self.settle()
                self.drain()
                self.finish()
        except ScenarioFault as error:
            self.problem(str(error))
        except Exception as error:  # the other scenarios still run, and the line of figures is still printed
            traceback.print_exc()
            self.problem(f"{type(error).__name__}: {error}")
        finally:
            self.over.set()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def drain(self) -> None:
        """Waits until the cloud has all readings of the sensors; a reading that is missing at the end of the wait is lost."""
        began = time.monotonic()
        end = began + self.drain_seconds
        while True:
            late = time.monotonic() >= end
            # Decoding everything is left for the end; a damaged store may end with fewer readings than the sensors gave.
            if late or self.repaired or self.count_in_cloud() >= len(self.truth):
                found = self.compare()
                if late or not found.lost:
                    break
            self.look_after_edges()
            time.sleep(0.5)
        self.outcome.drained_in = time.monotonic() - began
        time.sleep(1.5)  # a duplicate may still be on its way
        self.look_after_edges()

    def finish(self) -> None:
        for edge in self.edges:
            self.attempt(edge.stop)
        self.attempt(self.cloud.stop)
        self.outcome.verdict = self.compare()

    def compare(self) -> verdicts.Verdict:
        return verdicts.compare(self.truth, self.cloud.archive, self.repaired)

    def count_in_cloud(self) -> int:
        return verdicts.count_in_cloud(self.cloud.archive)

    # Tools for scenarios.

    def chance(self, what: str) -> random.Random:
        """A separate generator for each device or thread, so that a seed gives the same choices at any pace."""
        return random.Random(f"{self.seed}/{self.name}/{what}")

    def fault(self, kind: str) -> None:
        with self.counting:
            self.outcome.faults[kind] += 1

    def problem(self, text: str) -> None:
        with self.counting:
            if len(self.outcome.problems) < 20:
                self.outcome.problems.append(text)

    def attempt(self, action) -> None:
        try:
            action()
        except ProgramFault as error:
            self.problem(str(error))

    def start_cloud(self, address: str = "127.0.0.1", prefix: list[str] = ()) -> None:
        self.cloud = Cloud(self.work, self.binaries, address, prefix)
        self.cloud.first_start()

    def add_edge(self, name: str, state: Path | None = None, url: str | None = None, share: float = 0.9, **more) -> Edge:
        """An edge with two recordings that last for `share` of the scenario."""
        rows = max(20, int(self.rows_per_second * self.seconds * share))
        start = recordings.beginning(self.chance(name))
        sensors = {}
        for sensor in SENSORS:
            path = self.work / f"{name}-{sensor}.csv"
            self.truth |= recordings.write(path, name, sensor, start, rows, self.chance(f"{name}/{sensor}"))
            sensors[sensor] = f"replay:{path}"
        edge = Edge(
            name, self.work, self.binaries, url or self.cloud.url, self.cloud.add_device(name), state or self.work / f"{name}-state",
            sensors, speed=self.rows_per_second * recordings.SPACING_SECONDS, **more)
        self.edges.append(edge)
        return edge

    def time_left(self) -> float:
        return self.ends_at - time.monotonic()

    def pause(self, seconds: float) -> bool:
        """Waits, but not beyond the end. Returns whether there is time left."""
        self.over.wait(max(0, min(seconds, self.time_left())))
        return not self.over.is_set() and self.time_left() > 0

    def in_parallel(self, works: list) -> None:
        """Runs each work in a thread until all are done, and raises the first exception here."""
        failures: list[BaseException] = []

        def guarded(work) -> None:
            try:
                work()
            except BaseException as error:  # raised again below, in the main thread
                failures.append(error)
                self.over.set()

        threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException:
            self.over.set()  # Ctrl-C: the threads see it at their next pause
            for thread in threads:
                thread.join()
            raise
        if failures:
            raise failures[0]

    def look_after_edges(self) -> None:
        for program in [*self.edges, self.cloud]:
            self.look_after(program)

    def look_after(self, program: Program) -> None:
        """A program that ended by itself is a failure of the run; it is restarted so that the rest of the run is still useful."""
        with program.lock:
            if program.process is not None and not program.is_running():
                self.problem(f"{program.name} ended by itself with {program.process.returncode}: {program.last_words()}")
                program.start()

    def end_programs(self) -> None:
        for program in [*self.edges, self.hostile, self.cloud]:
            if program:
                program.kill()

    def keep_state(self, edge: Edge) -> None:
        """Copies a state folder from a mount into the work folder, for inspection after a failure."""
        with contextlib.suppress(OSError, shutil.Error):
            shutil.copytree(edge.state, self.work / f"{edge.name}-state-kept", dirs_exist_ok=True)
