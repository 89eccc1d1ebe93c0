"""Mounts, loop devices and network namespaces: everything that needs root and must be removed at the end."""
import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from .scenario import ScenarioFault


def need_root(what: str) -> None:
    if os.geteuid() != 0:
        raise ScenarioFault(f"only root can make {what}: run as root, or leave this scenario out with --only")


def need_tools(packages: dict[str, str]) -> None:
    missing = {package for tool, package in packages.items() if not shutil.which(tool)}
    if missing:
        raise ScenarioFault(f"missing: apt-get install --no-install-recommends {' '.join(sorted(missing))}")


def run(command: str, *more: str | Path) -> str:
    """Splits the command at spaces; paths, which may contain spaces, come after it."""
    line = [*command.split(), *map(str, more)]
    made = subprocess.run(line, capture_output=True, text=True)
    if made.returncode != 0:
        raise ScenarioFault(f"{' '.join(line)}: {(made.stderr or made.stdout).strip()}")
    return made.stdout


def try_run(command: str, *more: str | Path) -> bool:
    return subprocess.run([*command.split(), *map(str, more)], capture_output=True).returncode == 0


def mount(cleanup: contextlib.ExitStack, at: Path, command: str, *more: str | Path) -> None:
    """`command`: mount with its options; its last argument is the folder, which is created."""
    at.mkdir(parents=True, exist_ok=True)
    run(command, *more, at)
    cleanup.callback(unmount, at)


def unmount(at: Path) -> None:
    """A process that was just killed may hold files for a moment; after several attempts the mount is detached."""
    for _ in range(20):
        if not os.path.ismount(at) or try_run("umount", at):
            return
        time.sleep(0.1)
    try_run("umount -l", at)


def make_ext4(image: Path, megabytes: int) -> None:
    with image.open("wb") as file:
        file.truncate(megabytes * 1_000_000)
    run("mkfs.ext4 -q -F", image)


class Namespaces:
    """Two hosts; `join` connects them with a cable."""

    def __init__(self, cleanup: contextlib.ExitStack):
        mark = os.getpid()
        self.cloud, self.edges = f"vaho-c{mark}", f"vaho-e{mark}"
        self.cloud_link, self.edges_link = f"vc{mark}", f"ve{mark}"
        self.cloud_address, self.edges_address = "10.213.7.1", "10.213.7.2"
        for name in (self.cloud, self.edges):
            run(f"ip netns add {name}")
            cleanup.callback(try_run, f"ip netns del {name}")  # its end of the cable is removed with it

    @property
    def ends(self) -> list[tuple[str, str]]:
        return [(self.cloud, self.cloud_link), (self.edges, self.edges_link)]

    def join(self) -> None:
        """Both devices must exist."""
        for (name, link), address in zip(self.ends, (self.cloud_address, self.edges_address)):
            run(f"ip -n {name} addr add {address}/30 dev {link}")
            run(f"ip -n {name} link set {link} up")
            run(f"ip -n {name} link set lo up")

    @staticmethod
    def inside(name: str) -> list[str]:
        return ["ip", "netns", "exec", name]
