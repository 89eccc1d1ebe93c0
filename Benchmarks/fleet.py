#!/usr/bin/env python3
"""Measures what a fleet costs: bytes a device-year, processor time a million readings, and how long a page of the device list takes.
usage: Benchmarks/fleet.py [--devices 10000] [--store sqlite|postgres] [--rows 5] [--batches 24] [--bin FOLDER]
Every device has one sensor that is read once a minute. --rows: readings in a batch (5: a sync every 5 minutes). --batches: batches of each device; the
first two are not counted, because they create rows that exist once for each device. --bin: use the programs in FOLDER instead of building them."""
import argparse
import contextlib
import hashlib
import json
import os
import secrets
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
YEAR = 525_600  # readings of a device in a year


class Store:
    """Reads and writes the archive's database directly, without the server."""

    def __init__(self, work: Path, url: str | None):
        self.url, self.folder = url, work / "cloud"
        self.address = url or f"sqlite:{self.folder}"

    def run(self, sql: str) -> list[list[str]]:
        if self.url:
            done = subprocess.run(["psql", "-qAt", "-F", "\t", self.url], input=sql, capture_output=True, text=True, check=True)
            return [line.split("\t") for line in done.stdout.splitlines()]
        with contextlib.closing(sqlite3.connect(self.folder / "archive.sqlite", timeout=60)) as connection:
            rows = connection.execute(sql).fetchall()
            connection.commit()
            return [[str(value) for value in row] for row in rows]

    def add_devices(self, devices: list[tuple[str, str]], now: int) -> None:
        """Adds devices with their tokens. Running "vaho-cloud device add" for each device would take minutes."""
        for start in range(0, len(devices), 1_000):
            part = devices[start:start + 1_000]
            self.run("INSERT INTO device (name, created_at_ms) VALUES " + ", ".join(f"('{name}', {now})" for name, _ in part))
            hashes = {name: hashlib.sha256(token.encode()).hexdigest() for name, token in part}
            self.run(
                "INSERT INTO token (sha256, device, created_at_ms) SELECT v.column1, d.id, " + str(now) + " FROM (VALUES "
                + ", ".join(f"('{hashes[name]}', '{name}')" for name, _ in part) + ") v JOIN device d ON d.name = v.column2")

    def readings(self) -> int:
        return int(self.run("SELECT SUM(readings) FROM log_month")[0][0])

    def sizes(self) -> tuple[int, int]:
        """Returns the size of the log with its indexes, and the size of the observations, in bytes."""
        if self.url:
            self.run("VACUUM batch; VACUUM observation_bin")
            tables = {row[0]: int(row[1]) for row in self.run(
                "SELECT COALESCE(p.relname, c.relname), SUM(pg_total_relation_size(c.oid)) FROM pg_class c "
                "LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent "
                "WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace GROUP BY 1")}
        else:
            names = {row[0]: row[1] for row in self.run("SELECT name, tbl_name FROM sqlite_master")}
            tables = {}
            for name, size in self.run("SELECT name, SUM(pgsize) FROM dbstat GROUP BY name"):
                tables[names.get(name, name)] = tables.get(names.get(name, name), 0) + int(size)
        return tables.get("batch", 0), tables.get("observation_bin", 0)


def processor_seconds(pids: list[int]) -> float:
    """Returns the processor time of all these processes, in seconds."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def children(pid: int) -> list[int]:
    return [int(word) for word in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()]


def metric(base: str, name: str) -> float:
    text = urllib.request.urlopen(base + "/metrics").read().decode()
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))


def latency(base: str, path: str, texts: bool = False) -> str:
    """Measures the time of 200 requests. The requests differ, because the server answers equal requests once: each asks for the next page or text."""
    took, after, limit = [], "", 100
    for number in range(200):
        started = time.monotonic()
        body = urllib.request.urlopen(f"{base}{path}&limit={limit}{after}").read()
        took.append(1_000 * (time.monotonic() - started))
        following = json.loads(body).get("next")
        after = f"&text={number:03d}" if texts else f"&after={urllib.parse.quote(following)}" if following else ""
        if not after:
            limit -= 1  # after the last page, ask for the first page with another limit, so that the request is different
    took.sort()
    return f"p50 {statistics.median(took):.1f} ms, p95 {took[190]:.1f} ms"


def send(base: str, work: Path) -> None:
    """Sends the requests of the file `requests` from 50 connections, and waits until all observations are derived."""
    done = work / "done"
    done.unlink(missing_ok=True)
    generator = subprocess.Popen(
        ["wrk", "--threads", "1", "--connections", "50", "--duration", "1800", "--script", str(ROOT / "Benchmarks/ingest.lua"), base, "--",
         str(work / "requests"), str(done)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not done.exists() or not done.read_text():
        if generator.poll() is not None:
            raise SystemExit("fleet.py: wrk ended")
        time.sleep(0.2)
    generator.kill()
    generator.wait()
    print(done.read_text().strip(), flush=True)
    while metric(base, "vaho_underived_batches") > 0:
        time.sleep(0.5)


def split_requests(requests: Path, count: int, first: Path, rest: Path) -> None:
    """Copies the first `count` requests of a file to the file `first`, and the remaining requests to the file `rest`."""
    with requests.open("rb") as source, first.open("wb") as head, rest.open("wb") as tail:
        number = 0
        while length := source.read(4):
            (head if number < count else tail).write(length + source.read(int.from_bytes(length, "little")))
            number += 1


def build() -> tuple[Path, Path]:
    """Builds vaho-cloud and vaho-bench with optimisation."""
    folder = ROOT / ".build-release/bin"
    subprocess.run([ROOT / "deploy/build.sh", "--out", folder, "--product", "vaho-cloud"], check=True, stdout=subprocess.DEVNULL)
    command = ["swift", "build", "--package-path", ROOT, "-c", "release", "--scratch-path", ROOT / ".build-bench"]
    subprocess.run([*command, "--product", "vaho-bench"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shown = subprocess.run([*command, "--show-bin-path"], check=True, capture_output=True, text=True)
    return folder / "vaho-cloud", Path(shown.stdout.strip()) / "vaho-bench"


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--rows", type=int, default=5)
    parser.add_argument("--batches", type=int, default=24)
    parser.add_argument("--bin", type=Path)
    options = parser.parse_args()
    url = os.environ.pop("VAHO_TEST_POSTGRES", None)
    os.environ.pop("VAHO_TEST_PGBOUNCER", None)
    if options.store == "postgres" and not url:
        os.execv(str(ROOT / "Tests/postgres.sh"), [str(ROOT / "Tests/postgres.sh"), *sys.argv])
    cloud, bench = (options.bin / "vaho-cloud", options.bin / "vaho-bench") if options.bin else build()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        store = Store(work, url if options.store == "postgres" else None)
        environment = dict(
            os.environ, VAHO_STORE=store.address, VAHO_LISTEN="127.0.0.1:0", VAHO_ANONYMOUS="viewer", VAHO_TRAIN_CHECK_SECONDS="86400", VAHO_SIGNING_KEY_FILE=str(work / "key"))
        log = (work / "log").open("w")
        server = subprocess.Popen([cloud, "serve"], env=environment, stderr=log)
        try:
            while "listening address=" not in (text := (work / "log").read_text()):
                time.sleep(0.1)
            base = "http://127.0.0.1:" + text.split("listening address=127.0.0.1:")[1].split()[0]
            devices = [(f"site-{number:06d}", secrets.token_hex(16)) for number in range(options.devices)]
            store.add_devices(devices, int(1_000 * time.time()))
            tokens = work / "tokens"
            tokens.write_text("".join(f"{name} {token}\n" for name, token in devices))
            measure(options, store, base, tokens, work, bench, server.pid)
        finally:
            server.terminate()
            server.wait()
        for line in (work / "log").read_text().splitlines():
            if line[:3] in ("<3>", "<4>"):
                print(line)


def measure(options, store: Store, base: str, tokens: Path, work: Path, bench: str, server: int) -> None:
    postmaster = 0  # the parent of every process of the database server
    if store.url:
        postmaster = int((Path(store.run("SHOW data_directory")[0][0]) / "postmaster.pid").read_text().split()[0])

    def processes() -> list[int]:
        return [server] + ([postmaster, *children(postmaster)] if postmaster else [])

    subprocess.run(
        [bench, "ingest", "--url", base, "--tokens", str(tokens), "--rows", str(options.rows), "--sensors", "1", "--connections", "50",
         "--batches", str(options.batches * options.devices // 50), "--out", str(work / "all")], check=True)
    split_requests(work / "all", 2 * options.devices, work / "requests", work / "rest")
    send(base, work)
    (readings, sizes, used) = (store.readings(), store.sizes(), processor_seconds(processes()))
    (work / "rest").rename(work / "requests")
    send(base, work)
    used = processor_seconds(processes()) - used
    added = store.readings() - readings
    log, observations = (after - before for before, after in zip(sizes, store.sizes()))
    print(f"{options.store}, {options.devices} devices, {options.rows} readings in a batch, {added:.0f} readings:")
    print(f"log {log / added:.1f} bytes a reading, {log / added * YEAR / 1e6:.1f} MB a device-year")
    print(f"observations {observations / added * YEAR / 1e6:.1f} MB a device-year")
    print(f"processor time {used / added * 1e6:.1f} s a million readings (server{' and database' if store.url else ''})")
    pss = next(line.split()[1] for line in Path(f"/proc/{server}/smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
    print(f"memory of the server: PSS {int(pss) / 1000:.0f} MB")
    for order in ("state", "name"):
        print(f"pages of 100 devices ordered by {order}: {latency(base, f'/v1/devices?order={order}')}")
    print(f"pages of 100 devices with a text in their name: {latency(base, '/v1/devices?order=name', texts=True)}")
    print(f"pages of 100 devices with the state ok: {latency(base, '/v1/devices?state=ok')}")


main()
