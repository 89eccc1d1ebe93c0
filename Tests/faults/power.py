"""Power cuts of the edges' disk.

The edges write to ext4 on a loop device, whose image lies on XFS. A clone of the image (a reflink, made at once) holds
what had reached the device: file data that was not synced is still in memory and missing in the clone. The edges continue on the clone.
SIGKILL alone loses nothing of the page cache, so it does not simulate a power cut.
"""
import os
import signal
import shutil
import sqlite3
from pathlib import Path

from . import system
from .programs import Edge
from .scenario import Scenario

IMAGE_MB = 64


class PowerScenario(Scenario):
    name = "power"
    device_count = 4
    rows_per_second = 20
    looked_for = 0

    def set_up(self) -> None:
        system.need_root("a disk to cut the power of")
        system.need_tools({"mkfs.xfs": "xfsprogs", "mkfs.ext4": "e2fsprogs"})
        backing, self.disk = self.work / "backing", self.work / "disk"
        with (self.work / "backing.img").open("wb") as file:
            file.truncate(600_000_000)  # XFS needs at least 300 MB; the file stays sparse
        system.run("mkfs.xfs -q -m reflink=1", self.work / "backing.img")
        system.mount(self.cleanup, backing, "mount -o loop", self.work / "backing.img")
        self.image, self.clone = backing / "disk.img", backing / "clone.img"
        system.make_ext4(self.image, IMAGE_MB)
        system.mount(self.cleanup, self.disk, "mount -o loop", self.image)
        self.cleanup.callback(self.keep_states)
        self.cleanup.callback(self.end_programs)
        self.start_cloud()
        for number in range(self.device_count):
            self.add_edge(f"d{number:02d}", state=self.disk / f"d{number:02d}", variables={"VAHO_LISTEN": "127.0.0.1:0"}).start()

    def keep_states(self) -> None:
        for edge in self.edges:
            self.keep_state(edge)

    def inject(self) -> None:
        chance = self.chance("power")
        while self.pause(chance.uniform(0.4, 2.5)):
            self.cut()
            self.fault("power cut")

    def cut(self) -> None:
        self.look_after_edges()
        # Read before the cut: later rows may be on the disk too.
        promised = {edge.name: committed(edge) for edge in self.edges}
        # The programs are stopped first: rows that they send after the cut would not come from a disk.
        for edge in self.edges:
            edge.process.send_signal(signal.SIGSTOP)
        system.run("cp --reflink=always", self.image, self.clone)
        for edge in self.edges:
            edge.kill()
        system.unmount(self.disk)
        os.replace(self.clone, self.image)
        system.run("mount -o loop", self.image, self.disk)  # the journal is replayed
        for edge in self.edges:
            self.check_promise(edge, promised[edge.name])
            # The log still names the old process's port: the new process must log its own.
            edge.log.rename(edge.log.with_name(f"{edge.name}.before.log"))
            edge.start()

    def check_promise(self, edge: Edge, promised: set[tuple[str, int]]) -> None:
        stored = rows_of_copy(edge.store, self.work / "look")
        self.looked_for += len(promised)
        gone = promised - stored
        if gone:
            self.problem(f"{edge.name}: {len(gone)} readings that had been committed are not on the disk after the cut, first {min(gone)}")

    def settle(self) -> None:
        self.outcome.notes.append(f"{self.looked_for} committed readings looked for on the disk after a cut")
        for edge in self.edges:
            edge.kill()
            edge.speed *= 20
            edge.start()


def committed(edge: Edge) -> set[tuple[str, int]]:
    """The newest readings that another process sees in the store: SQLite shows a commit after its fsync. The edge's own interface also
    shows readings that wait for their commit."""
    try:
        database = sqlite3.connect(f"file:{edge.store}?mode=ro", uri=True, timeout=5)
    except sqlite3.OperationalError:
        return set()  # no store yet
    try:
        return set(
            database.execute(
                "SELECT s.name, r.taken_at_ms FROM (SELECT * FROM reading ORDER BY key DESC LIMIT 100) r JOIN sensor s ON s.id = r.sensor"
            )
        )
    except sqlite3.OperationalError:
        return set()
    finally:
        database.close()


def rows_of_copy(store: Path, folder: Path) -> set[tuple[str, int]]:
    """Reads a copy, because opening the store itself would recover its log, which is the edge's own task."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for suffix in ("", "-wal"):
        if Path(f"{store}{suffix}").exists():
            shutil.copy(f"{store}{suffix}", folder / f"copy.sqlite{suffix}")
    if not (folder / "copy.sqlite").exists():
        return set()
    database = sqlite3.connect(folder / "copy.sqlite")
    try:
        return set(database.execute("SELECT s.name, r.taken_at_ms FROM reading r JOIN sensor s ON s.id = r.sensor"))
    except sqlite3.DatabaseError:
        return set()  # not even the schema is readable; every promised row is then missing
    finally:
        database.close()
