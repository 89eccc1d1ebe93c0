"""A hostile device of the fleet: started beside the other devices in every scenario, and ended before the comparison.

As a program: python3 -m faults.hostile URL TOKEN-FILE SEED. Runs until SIGTERM, then prints the number of each kind of answer.
"""
import http.client
import json
import os
import random
import signal
import socket
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

from .programs import Cloud, Program

NAME = "hostile"
NOON = 1_795_200_000_000  # ms since 1970
REQUESTS_PER_SECOND = 10  # more would take the cores from the other faults; this rate already costs the cloud more than the device's share


def beside(cloud: Cloud, seed: int) -> Program:
    """The hostile device, on the cloud's side of the network, so that network faults do not keep it away."""
    token = cloud.add_device(NAME)
    folder = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-m", "faults.hostile", cloud.url, str(token), str(seed)]
    return Program(NAME, cloud.folder, command, {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}, cloud.prefix)


class Hostile:
    def __init__(self, url: str, token: str, seed: int):
        self.host, self.port = url.removeprefix("http://").rsplit(":", 1)
        self.token, self.chance = token, random.Random(seed)
        self.answers: Counter = Counter()
        self.slow: list[socket.socket] = []
        self.worst = [
            self.holes_of_other_epochs, self.gaps, self.new_epochs, self.other_values, self.calibrations, self.renames, self.many_sensors,
            self.absurd_values, self.small_body_of_much_work, self.plain_nonsense, self.noise, self.slow_reader]

    def go_on(self) -> None:
        while True:
            began = time.monotonic()
            kind = self.chance.choice(self.worst)
            try:
                self.answers[kind()] += 1
            except (OSError, http.client.HTTPException):
                self.answers["no answer"] += 1  # the cloud was killed, stopped or unreachable
            time.sleep(max(0.0, 1 / REQUESTS_PER_SECOND - (time.monotonic() - began)))

    # The requests.

    def holes_of_other_epochs(self):
        """Each hole names one sequence of an epoch that this device never had."""
        epoch = f"{self.chance.getrandbits(8) + 1:016x}"
        return self.batch([self.record(
            "hole", reason="store_repaired", from_ms=NOON, to_ms=NOON + 1, count=1, sequences=[2 * row + 2, 2 * row + 2], epoch=epoch)
            for row in range(self.chance.randint(1, 3_000))])

    def gaps(self):
        """Single rows, from the last to the first, so that each makes its own range."""
        first = 1_000_000 - 2 * self.chance.randint(0, 400_000)
        return self.batch([], first=first, times=[NOON])

    def new_epochs(self):
        return self.batch([], epoch=f"{self.chance.getrandbits(63) + 1:016x}", times=[NOON])

    def other_values(self):
        """The same sequences with other content each time."""
        return self.batch([], first=1, times=[NOON + self.chance.randint(0, 10_000)] * 100)

    def calibrations(self):
        return self.batch([self.record(
            "calibration", sensor="air", from_ms=NOON - row, gain_ppm=1_000_000 + row, offset_mpct=row, said_at_ms=NOON + self.chance.randint(0, 1 << 40))
            for row in range(300)], first=self.chance.randint(1, 1 << 50))

    def renames(self):
        return self.batch([self.record(
            "rename", sensor=f"s{row % 7}", name=f"s{(row + 1) % 7}", to_ms=NOON + row, said_at_ms=NOON + row) for row in range(300)],
            first=self.chance.randint(1, 1 << 50))

    def many_sensors(self):
        names = [f"n{self.chance.getrandbits(40):x}" for _ in range(256)]
        return self.batch([], first=self.chance.randint(1, 1 << 50), sensors=names, times=[NOON] * 256, places=list(range(256)))

    def absurd_values(self):
        absurd = [-(1 << 31), (1 << 31) - 1, 0, -1, 10**9]
        times = [self.chance.choice([1, 86_400_000, NOON, 1 << 41, (1 << 53) - 1]) for _ in range(500)]
        return self.batch([], first=(1 << 53) - 499, times=times, humidities=[self.chance.choice(absurd) for _ in times])

    def small_body_of_much_work(self):
        return self.post("batches", zlib.compress(b'{"a":[' + b"[" * 400_000), {"Content-Type": "application/json", "Content-Encoding": "deflate"})

    def plain_nonsense(self):
        readings = [{"sensor": f"p{row}", "taken_at_ms": self.chance.choice([0, NOON, 1 << 62]), "humidity_pct": self.chance.choice([1e308, -5, 50])}
                    for row in range(1_000)]
        return self.post("readings", json.dumps({"readings": readings}).encode(), {"Content-Type": "application/json"})

    def noise(self):
        return self.post("batches", b"VAHB\x01" + self.chance.randbytes(2_000), {"Content-Type": "application/vnd.vaho.batch"})

    def slow_reader(self):
        """Asks for the fleet and never reads the answer."""
        asks = socket.create_connection((self.host, int(self.port)), timeout=10)
        asks.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        asks.sendall(b"GET /v1/devices?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        self.slow.append(asks)
        if len(self.slow) > 100:
            self.slow.pop(0).close()
        return "left unread"

    # Sending.

    @staticmethod
    def record(kind: str, **fields) -> dict:
        return {"kind": kind} | fields

    def batch(self, records: list[dict], first: int = 1, epoch: str = "0000000000000bad", sensors: list[str] | None = None,
              times: list[int] = [], places: list[int] | None = None, humidities: list[int] | None = None):
        for place, record in enumerate(records):
            record["sequence"] = first + place
        told = {
            "version": 1, "epoch": epoch, "first": first, "sensors": sensors or ["air"], "sensor": places or [0] * len(times),
            "taken_at_ms": times, "humidity_mpct": humidities or [50_000] * len(times), "records": records}
        return self.post("batches", json.dumps(told).encode(), {"Content-Type": "application/json"})

    def post(self, what: str, body: bytes, headers: dict[str, str]):
        connection = http.client.HTTPConnection(self.host, int(self.port), timeout=10)
        try:
            connection.request("POST", f"/v1/devices/{NAME}/{what}", body, headers | {"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()


def main() -> None:
    url, token, seed = sys.argv[1:]
    hostile = Hostile(url, Path(token).read_text().strip(), int(seed))

    def end(*_) -> None:
        print(", ".join(f"{kind}: {count}" for kind, count in sorted(hostile.answers.items(), key=str)), flush=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    hostile.go_on()


if __name__ == "__main__":
    main()
