"""A PostgreSQL server of its own, in a folder, that a scenario may kill and start again."""
import contextlib
import os
import pwd
import signal
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from . import system


class PostgresFault(Exception):
    pass


def programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        raise PostgresFault("PostgreSQL is missing: deploy/install-deps.sh --test")
    return found[-1]


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return chosen.getsockname()[1]


class Postgres:
    """The server refuses to run as root, so root runs it as the user `postgres`, in a folder which that user may reach. The folder is on a disk of its
    own, which a scenario can fill."""

    DISK_MB = 400

    def __init__(self, cleanup: contextlib.ExitStack, work: Path):
        self.folder, self.port, self.programs = Path(tempfile.mkdtemp(prefix="vaho-pg-")), free_port(), programs()
        self.prefix = []
        folder = self.folder
        cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        system.make_ext4(work / "database.img", self.DISK_MB)
        system.mount(cleanup, folder, "mount -o loop", work / "database.img")
        cleanup.callback(self.kill)
        if os.getuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            self.prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        self.run("initdb", "-D", str(folder / "data"), "-U", "vaho", "--auth=trust", "--encoding=UTF8")

    @property
    def url(self) -> str:
        return f"postgres://vaho@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *arguments: str) -> str:
        done = subprocess.run([*self.prefix, str(self.programs / program), *arguments], cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise PostgresFault(f"{program}: {done.stderr.strip()}")
        return done.stdout

    def start(self) -> None:
        options = (f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder} -c fsync=on "
                   "-c max_connections=60 -c max_wal_size=64MB")
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-s", "-w", "-t", "60", "-l", str(self.folder / "log"), "-o", options, "start")

    def restart(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-s", "-w", "-m", "fast", "-l", str(self.folder / "log"), "restart")

    def kill(self) -> None:
        """SIGKILL of the postmaster and of its processes, as when the host loses power."""
        file = self.folder / "data" / "postmaster.pid"
        if not file.exists():
            return
        postmaster = int(file.read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for process in [postmaster, *map(int, children)]:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        while Path(f"/proc/{postmaster}").exists() or any(Path(f"/proc/{child}").exists() for child in children):
            time.sleep(0.01)
        file.unlink(missing_ok=True)

    def is_running(self) -> bool:
        file = self.folder / "data" / "postmaster.pid"
        return file.exists() and Path(f"/proc/{file.read_text().split()[0]}").exists()

    def fill_disk(self) -> None:
        """Fills the disk. The server can then store nothing, and may stop."""
        free = os.statvfs(self.folder)
        with (self.folder / "filler").open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, free.f_bfree * free.f_frsize // 10 * 9)
            with contextlib.suppress(OSError):
                while True:
                    filler.seek(0, os.SEEK_END)
                    filler.write(bytes(65_536))
                    filler.flush()

    def free_disk(self) -> None:
        (self.folder / "filler").unlink()
        if not self.is_running():
            self.start()

    def query(self, sql: str) -> str:
        return subprocess.run(
            ["psql", "-qAtX", self.url, "-c", sql], capture_output=True, text=True, check=True).stdout.strip()

    def set_read_only(self, is_read_only: bool) -> None:
        """Makes the server refuse all writes, or accept them again. A standby also refuses writes: clients may reach a standby after a failover."""
        setting = "SET default_transaction_read_only = on" if is_read_only else "RESET default_transaction_read_only"
        for sql in (f"ALTER SYSTEM {setting}", "SELECT pg_reload_conf()"):
            self.query(sql)

    def take_connections(self, seconds: float) -> int:
        """Holds all free connections for a while."""
        holders = [
            subprocess.Popen(["psql", "-qX", self.url, "-c", f"SELECT pg_sleep({seconds})"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(60)]
        for holder in holders:
            holder.wait()
        return sum(holder.returncode == 0 for holder in holders)
