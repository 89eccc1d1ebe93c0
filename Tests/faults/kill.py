"""SIGKILL of edges and of the cloud, half at random moments, half during a write. Some edges find a store of the
previous version at their next start, and are killed while they migrate it."""
import os
import random
import time
from pathlib import Path

from . import former_store
from .programs import Program
from .scenario import Scenario


class KillScenario(Scenario):
    name = "kill"
    device_count = 5
    rows_per_second = 20

    def inject(self) -> None:
        cloud_wal = Path(f"{self.cloud.archive}-wal")
        works = [lambda edge=edge: self.kill_again_and_again(edge, [Path(f"{edge.store}-wal"), cloud_wal]) for edge in self.edges]
        works.append(lambda: self.kill_again_and_again(self.cloud, [cloud_wal]))
        self.in_parallel(works)

    def kill_again_and_again(self, program: Program, logs: list[Path]) -> None:
        chance = self.chance(program.name)
        while self.pause(self.span(program, chance)):
            kind = "idle"
            if chance.random() < 0.5:
                # A write to the edge's own log is a commit; a write to the cloud's log, seen from an edge, is mostly the edge's own batch.
                log = chance.choice(logs)
                kind = ("commit" if log == logs[0] else "sync") if wait_for_write(log, 1.0) else "idle"
                time.sleep(chance.uniform(0, 0.004))
            self.look_after(program)
            program.kill()
            self.fault(f"{'cloud' if program is self.cloud else 'edge'} {kind}")
            if program is not self.cloud and chance.random() < 0.15:
                self.kill_while_migrating(program, chance)
            program.start()

    def kill_while_migrating(self, edge: Program, chance: random.Random) -> None:
        former_store.turn_back(edge.store)
        for _ in range(3):
            edge.start()
            time.sleep(chance.uniform(0, 0.1))
            edge.kill()
            self.fault("edge migration")

    def span(self, program: Program, chance: random.Random) -> float:
        # Sometimes long enough for a sync, because the first sync comes up to a second after the start.
        return chance.uniform(1.0, 3.0) if chance.random() < 0.15 else chance.uniform(0.05, 1.5 if program is self.cloud else 1.0)

    def settle(self) -> None:
        # A killed edge continues after its newest row, so the recordings lag behind; they catch up in a last run.
        for edge in self.edges:
            edge.kill()
            edge.speed *= 20
            edge.start()


def wait_for_write(path: Path, seconds: float) -> bool:
    """Waits until the file changes. Polls, because a write with its fsync takes milliseconds, and the kill should hit the write."""
    end = time.monotonic() + seconds
    before = look(path)
    while time.monotonic() < end:
        if look(path) != before:
            return True
        time.sleep(0.001)
    return False


def look(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
        return found.st_mtime_ns, found.st_size
    except FileNotFoundError:
        return None
