"""Starts, kills and stops the two programs. Each process is known by its id; none is ended by its name."""
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

# Variables of every edge. An edge that does not know a variable refuses to start.
EXTRA_EDGE_VARIABLES: dict[str, str] = {"VAHO_BACKOFF_SECONDS": "1"}


class ProgramFault(Exception):
    pass


class Program:
    """A program that may be started and ended many times; its log continues in the same file."""

    def __init__(self, name: str, folder: Path, command: list[str], variables: dict[str, str], prefix: list[str] = ()):
        self.name, self.command, self.prefix = name, command, list(prefix)
        self.variables = variables
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen | None = None
        self.lock = threading.RLock()  # the cleanup may run while a scenario's thread restarts the program

    def start(self) -> None:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("VAHO_")}
        with self.lock, self.log.open("ab") as log:
            # A separate session: Ctrl-C at the terminal reaches only the harness, which then ends everything in order.
            self.process = subprocess.Popen(
                self.prefix + self.command, env=clean | self.variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)

    @property
    def pid(self) -> int:
        return self.process.pid

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        with self.lock:
            if self.process:
                self.process.kill()
                self.process.wait()
                self.process = None

    def stop(self, seconds: float = 20) -> None:
        """Ends the program as an operator would."""
        with self.lock:
            if not self.process:
                return
            self.process.send_signal(signal.SIGTERM)
            try:
                code = self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise ProgramFault(f"{self.name} did not stop within {seconds} s of SIGTERM")
            self.process = None
            if code != 0:
                raise ProgramFault(f"{self.name} ended with {code} on SIGTERM: {self.last_words()}")

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return " | ".join(lines[-2:])[-400:]

    def port(self, seconds: float = 20) -> int:
        """The port that the program listens on, from the newest line of its log that names one."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = re.findall(r"listening address=\S+:(\d+)", self.log.read_text(errors="replace"))
            if found:
                return int(found[-1])
            if not self.is_running():
                break
            time.sleep(0.02)
        raise ProgramFault(f"{self.name} does not listen: {self.last_words()}")


class Cloud(Program):
    def __init__(self, folder: Path, binaries: Path, address: str = "127.0.0.1", prefix: list[str] = ()):
        self.store = folder / "cloud"
        # The hostile readers need something to read.
        variables = {"VAHO_STORE": f"sqlite:{self.store}", "VAHO_LISTEN": f"{address}:0", "VAHO_ANONYMOUS": "viewer"}
        super().__init__("cloud", folder, [str(binaries / "vaho-cloud"), "serve"], variables, prefix)
        self.folder, self.binaries, self.address = folder, binaries, address

    @property
    def archive(self) -> Path:
        return self.store / "archive.sqlite"

    def first_start(self) -> None:
        """Lets the system choose a port and keeps it, so that the cloud has the same port after each kill."""
        self.start()
        self.variables["VAHO_LISTEN"] = f"{self.address}:{self.port()}"

    @property
    def url(self) -> str:
        return f"http://{self.variables['VAHO_LISTEN']}"

    def add_device(self, name: str) -> Path:
        """Makes the device's token and returns its file."""
        made = subprocess.run(
            [self.command[0], "device", "add", name, "--out", str(self.folder / name)],
            env=os.environ | {"VAHO_STORE": self.variables["VAHO_STORE"]}, capture_output=True, text=True)
        if made.returncode != 0:
            raise ProgramFault(f"vaho-cloud device add {name}: {made.stderr.strip()}")
        return self.folder / name / "token"


class Edge(Program):
    def __init__(self, name: str, folder: Path, binaries: Path, url: str, token: Path, state: Path, sensors: dict[str, str],
                 speed: int = 1, variables: dict[str, str] | None = None, prefix: list[str] = ()):
        settings = {
            "VAHO_DEVICE_ID": name, "VAHO_STATE_DIR": str(state), "VAHO_LISTEN": "off", "VAHO_CLOUD_URL": url,
            "VAHO_TOKEN_FILE": str(token), "VAHO_SYNC_PERIOD_SECONDS": "1", "VAHO_COMMIT_PERIOD_SECONDS": "0",
            # The recordings run through months in minutes, so nothing may be deleted by age.
            "VAHO_RETENTION_DAYS": "3650", "VAHO_REPLAY_SPEED": str(speed),
        }
        settings |= {f"VAHO_SENSOR_{sensor.upper()}": spec for sensor, spec in sensors.items()}
        super().__init__(name, folder, [str(binaries / "vaho-edge"), "run"],
                         settings | EXTRA_EDGE_VARIABLES | (variables or {}), prefix)
        self.state = state

    @property
    def store(self) -> Path:
        return self.state / "readings.sqlite"

    @property
    def speed(self) -> int:
        return int(self.variables["VAHO_REPLAY_SPEED"])

    @speed.setter
    def speed(self, value: int) -> None:
        self.variables["VAHO_REPLAY_SPEED"] = str(value)
