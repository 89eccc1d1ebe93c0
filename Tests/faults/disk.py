"""Full disks, disks that refuse, hang, fail or disappear, a deleted store, and pages with flipped bytes: each on its own device."""
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
        # A disk that is still bad when the scenario is aborted must be repaired before it can be unmounted.
        self.cleanup.callback(self.mend, ext4)
        for edge in self.edges:
            edge.start()
        self.pause(2)  # until the stores exist

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
        """Another file takes all free space and releases it later."""
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
        """The kernel does not remount a file system read-only while files are open for writing; immutable files refuse writes too."""
        changed = [file for file in store_files(edge) if system.try_run("chattr +i", file)]
        self.fault("writes refused")
        self.pause(chance.uniform(0.5, 4))
        for file in changed:
            system.try_run("chattr -i", file)

    def hang(self, edge: Edge, chance: random.Random) -> None:
        """Like a card during its garbage collection: every write waits."""
        system.run("fsfreeze -f", edge.state.parent)
        self.fault("writes hang")
        self.pause(chance.uniform(0.5, 3))
        system.run("fsfreeze -u", edge.state.parent)

    def fail_writes(self, edge: Edge, chance: random.Random) -> None:
        """The device answers EIO, also to fsync; if the file system gives up, it is mounted again, as an administrator would do."""
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
        """The edge is never restarted after this: a recording would start again in an empty store, and that is not an error."""
        with contextlib.suppress(FileNotFoundError):
            edge.store.unlink()
            self.fault("store deleted")

    def flip(self, edge: Edge, chance: random.Random) -> None:
        """Changes random bytes of a random page while the edge is stopped."""
        if chance.random() < 0.5:
            edge.kill()  # leaves its write-ahead log behind
        else:
            self.attempt(edge.stop)
        files = [file for file in store_files(edge) if file.stat().st_size > 0]
        if files:
            flip_bytes(chance.choice(files), chance)
            self.fault("page flipped")
        # Without a cloud for a while: otherwise every row that a flip can hit is already delivered, and its loss has no effect.
        edge.variables["VAHO_CLOUD_URL"] = chance.choice([self.cloud.url, "http://127.0.0.1:9"])
        edge.start()
        time.sleep(0.3)  # a program whose store cannot be opened ends at once

    def settle(self) -> None:
        self.look_after_edges()
        for edge in self.flipped:  # an edge whose store was lost starts its recording again; only these edges may catch up
            edge.kill()
            edge.variables["VAHO_CLOUD_URL"] = self.cloud.url
            edge.speed *= 20
            edge.start()


def store_files(edge: Edge) -> list[Path]:
    """Without the -shm file: it is shared memory, and a write to it while immutable gives SIGBUS, which no read-only file system does."""
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
