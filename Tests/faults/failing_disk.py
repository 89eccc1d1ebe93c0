"""An ext4 disk whose writes can be made to fail, and which can disappear and come back: nbdkit behind a loop device.

Not every kernel has a device mapper with an error target; nbdkit's error filter gives the same EIO, also for fsync.
"""
import contextlib
import os
import subprocess
import time
from pathlib import Path

from . import system


class FailingDisk:
    def __init__(self, cleanup: contextlib.ExitStack, folder: Path, megabytes: int):
        self.folder, self.at = folder, folder / "mounted"
        self.image, self.flag = folder / "image", folder / "fails"
        self.server: subprocess.Popen | None = None
        self.plugged_in = 0
        self.at.mkdir(parents=True)
        system.make_ext4(self.image, megabytes)
        cleanup.callback(self.fall_off)
        self.plug_in()

    def plug_in(self) -> None:
        """Uses a new device each time, like a card that is inserted again."""
        self.plugged_in += 1
        self.device = self.folder / f"device-{self.plugged_in}"
        self.device.touch()
        self.server = subprocess.Popen(
            ["nbdfuse", self.device, "--command", "nbdkit", "-s", "--filter=error", "file", self.image,
             "error-pwrite=EIO", "error-pwrite-rate=100%", f"error-pwrite-file={self.flag}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        for _ in range(100):
            if os.path.ismount(self.device):
                break
            time.sleep(0.05)
        system.run("mount -o loop,errors=remount-ro", self.device, self.at)

    def fall_off(self) -> None:
        """Every pending request fails, and programs keep their open files of the broken file system."""
        if self.server is None:
            return
        self.server.kill()
        self.server.wait()
        self.server = None
        self.flag.unlink(missing_ok=True)
        system.try_run("umount -l", self.at)
        system.try_run("umount -l", self.device)

    def is_writable(self) -> bool:
        """Whether the file system still works: after a failed write to its journal, ext4 accepts no more writes."""
        try:
            probe = self.at / "probe"
            with probe.open("wb") as file:
                file.write(b"1")
                os.fsync(file.fileno())
            probe.unlink()
            return True
        except OSError:
            return False
