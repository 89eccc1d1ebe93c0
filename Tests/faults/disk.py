"""Full disks, disks that refuse, hang, fail or fall off, a store that is deleted, and pages that flip: each on a device of its own."""
import contextlib
import os
import random
import time
from pathlib import Path

from . import system
from .failing_disk import FailingDisk
from .programs import Edge
from .scenario import Scenario

DISK_MB = 16
PAGE = 4096


class DiskScenario(Scenario):
    name = "disk"
    rows_per_second = 8

    def set_up(self) -> None:
        system.need_root("small disks")
        system.need_tools({"mkfs.ext4": "e2fsprogs", "chattr": "e2fsprogs", "fsfreeze": "util-linux", "nbdkit": "nbdkit", "nbdfuse": "libnbd-bin"})
        memory, ext4 = self.work / "memory", self.work / "ext4"
        system.mount(self.cleanup, memory, f"mount -t tmpfs -o size={DISK_MB}m tmpfs")
        system.make_ext4(self.work / "ext4.img", DISK_MB)
        system.mount(self.cleanup, ext4, "mount -o loop", self.work / "ext4.img")
        self.disk = FailingDisk(self.cleanup, self.work / "failing", DISK_MB)
        self.cleanup.callback(self.keep_states)
        self.cleanup.callback(self.end_programs)
        self.start_cloud()
        self.full = self.add_edge("full-memory", state=memory / "state")
        self.bad = self.add_edge("bad-ext4", state=ext4 / "state")
        self.failing = self.add_edge("failing", state=self.disk.at / "state")
        self.gone = self.add_edge("gone")
        self.flipped = [self.add_edge(f"flipped-{number}") for number in range(2)]
        self.repaired = frozenset(edge.name for edge in self.flipped)
        # A disk that is bad when the scenario ends in disorder must be mended before it can be unmounted.
        self.cleanup.callback(self.mend, ext4)
        for edge in self.edges:
            edge.start()
        self.pause(2)  # the stores are made

    def keep_states(self) -> None:
        for edge in (self.full, self.bad, self.failing):
            self.keep_state(edge)

    def mend(self, ext4: Path) -> None:
        system.try_run("fsfreeze -u", ext4)
        for file in store_files(self.bad):
            system.try_run("chattr -i", file)

    def inject(self) -> None:
        self.in_parallel([
            lambda: self.again_and_again(self.full, [self.fill]),
            lambda: self.again_and_again(self.bad, [self.fill, self.refuse_writes, self.hang]),
            lambda: self.again_and_again(self.failing, [self.fail_writes, self.fall_off], every=(2, 5)),
            lambda: self.again_and_again(self.gone, [self.delete_store], every=(4, 8)),
            *(lambda edge=edge: self.again_and_again(edge, [self.flip], every=(1, 4)) for edge in self.flipped),
        ])

    def again_and_again(self, edge: Edge, faults: list, every: tuple[float, float] = (0.5, 3)) -> None:
        chance = self.chance(edge.name)
        while self.pause(chance.uniform(*every)):
            chance.choice(faults)(edge, chance)
            self.look_after(edge)

    def fill(self, edge: Edge, chance: random.Random) -> None:
        """A neighbour takes all the room there is, and gives it back."""
        ballast = edge.state.parent / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(chance.choice([PAGE, 16 * PAGE])))
        with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(512))  # the last page too
        self.fault("disk full")
        self.pause(chance.uniform(0.5, 4))
        ballast.unlink()

    def refuse_writes(self, edge: Edge, chance: random.Random) -> None:
        """The kernel remounts no file system read-only while files are open for writing; immutable files refuse writes too."""
        changed = [file for file in store_files(edge) if system.try_run("chattr +i", file)]
        self.fault("writes refused")
        self.pause(chance.uniform(0.5, 4))
        for file in changed:
            system.try_run("chattr -i", file)

    def hang(self, edge: Edge, chance: random.Random) -> None:
        """A card that collects its garbage: every write waits."""
        system.run("fsfreeze -f", edge.state.parent)
        self.fault("writes hang")
        self.pause(chance.uniform(0.5, 3))
        system.run("fsfreeze -u", edge.state.parent)

    def fail_writes(self, edge: Edge, chance: random.Random) -> None:
        """The device answers EIO, to fsync too; if the file system gives up, an administrator mounts it again."""
        self.disk.flag.touch()
        self.fault("I/O error")
        self.pause(chance.uniform(0.5, 3))
        self.disk.flag.unlink()
        if not self.disk.is_writable():
            self.disk.fall_off()
            self.disk.plug_in()

    def fall_off(self, edge: Edge, chance: random.Random) -> None:
        self.disk.fall_off()
        self.fault("disk fell off")
        self.pause(chance.uniform(0.5, 4))
        self.disk.plug_in()

    def delete_store(self, edge: Edge, _: random.Random) -> None:
        """Never restarted after this: a recording would begin anew in an empty store, and that is no fault of anyone."""
        with contextlib.suppress(FileNotFoundError):
            edge.store.unlink()
            self.fault("store deleted")

    def flip(self, edge: Edge, chance: random.Random) -> None:
        """Random bytes of a random page, while the edge does not run."""
        if chance.random() < 0.5:
            edge.kill()  # leaves its write-ahead log behind
        else:
            self.attempt(edge.stop)
        files = [file for file in store_files(edge) if file.stat().st_size > 0]
        if files:
            flip_bytes(chance.choice(files), chance)
            self.fault("page flipped")
        # Without a cloud for a while: else every row that a flip can hit has been delivered, and its loss costs nothing.
        edge.variables["VAHO_CLOUD_URL"] = chance.choice([self.cloud.url, "http://127.0.0.1:9"])
        edge.start()
        time.sleep(0.3)  # a store that cannot be opened ends a program at once

    def settle(self) -> None:
        self.look_after_edges()
        for edge in self.flipped:  # one whose store was lost begins its recording anew: these alone may catch up
            edge.kill()
            edge.variables["VAHO_CLOUD_URL"] = self.cloud.url
            edge.speed *= 20
            edge.start()


def store_files(edge: Edge) -> list[Path]:
    """Not the -shm: it is shared memory, and writing to it while immutable is SIGBUS, which no read-only file system gives."""
    return [path for path in (edge.store, Path(f"{edge.store}-wal")) if path.exists()]


def flip_bytes(path: Path, chance: random.Random) -> None:
    with path.open("r+b") as file:
        page = chance.randrange(max(1, os.fstat(file.fileno()).st_size // PAGE))
        for _ in range(chance.choice([1, 1, 2, 8, 64])):
            at = page * PAGE + chance.randrange(PAGE)
            file.seek(at)
            old = file.read(1)
            if old:
                file.seek(at)
                file.write(bytes([old[0] ^ chance.randrange(1, 256)]))
