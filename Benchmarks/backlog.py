"""Fills an edge without a network, then starts its cloud, and measures disk, memory, drain time and the lag of live readings.

usage: backlog.py BINARIES DAYS"""
import math
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Tests"))
from faults.batch_format import decode  # noqa: E402

binaries, days = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2])
work = pathlib.Path(tempfile.mkdtemp(prefix="vaho-backlog-"))
state, recording = work / "state", work / "cellar.csv"
backlog, live = days * 8640, 150
start = 1_700_000_000
with recording.open("w") as file:
    file.write("time,humidity_pct,temperature_c\n")
    for index in range(backlog + live):
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start + 10 * index))
        humidity = 55 + 8 * math.sin(index / 900) + (index * 7919 % 61) / 100
        file.write(f"{at},{humidity:.2f},{18 + 3 * math.sin(index / 4000):.2f}\n")


def memory(process):
    text = pathlib.Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))


def launch(name, arguments, variables):
    log = open(work / f"{name}.log", "w")
    return subprocess.Popen([binaries / name, *arguments], env={"PATH": "/usr/bin:/bin", **variables}, stderr=log, stdout=log)


def port(name):
    while True:
        found = re.findall(r"listening address=127\.0\.0\.1:(\d+)", (work / f"{name}.log").read_text())
        if found:
            return int(found[-1])
        time.sleep(0.05)


def store():
    return sum(os.path.getsize(path) for path in state.glob("readings.sqlite*"))


def count(path, sql):
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            return database.execute(sql).fetchone()[0] or 0
    except sqlite3.OperationalError:
        return 0


edge_variables = {"VAHO_STATE_DIR": str(state), "VAHO_LISTEN": "127.0.0.1:0", "VAHO_DEVICE_ID": "cellar", "VAHO_SENSOR_AIR": f"replay:{recording}"}
cloud_store = {"VAHO_STORE": f"sqlite:{work}/cloud", "VAHO_LISTEN": "127.0.0.1:0", "VAHO_ANONYMOUS": "viewer", "VAHO_TRAIN_CHECK_SECONDS": "86400"}
edge = cloud = None
try:
    began = time.monotonic()
    edge = launch("vaho-edge", ["run", "--speed", "1000000"], edge_variables)
    # The edge ends before the last rows. After its next start the recording continues from the newest stored row.
    while count(state / "readings.sqlite", "SELECT COUNT(*) FROM reading") < backlog:
        if edge.poll() is not None:
            sys.exit(f"the edge ended: {(work / 'vaho-edge.log').read_text()}")
        time.sleep(0.1)
    edge.terminate()
    edge.wait()
    taken = count(state / "readings.sqlite", "SELECT COUNT(*) FROM reading")
    print(f"filled: {taken} readings of {days} days in {time.monotonic() - began:.0f} s")
    print(f"disk: {store() / 1e6:.1f} MB (limit 40)")

    with recording.open("a") as file:
        for index in range(taken, taken + live):
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start + 10 * index))
            file.write(f"{at},{50 + index % 10:.2f},18.00\n")
    # The cloud makes the device's token and stops again: the edge samples and retries until the cloud comes back.
    cloud = launch("vaho-cloud", ["serve"], cloud_store)
    cloud_store["VAHO_LISTEN"] = f"127.0.0.1:{port('vaho-cloud')}"
    subprocess.run([binaries / "vaho-cloud", "device", "add", "cellar", "--out", work / "cellar"], env=cloud_store, check=True, capture_output=True)
    cloud.terminate()
    cloud.wait()
    connected = {
        "VAHO_CLOUD_URL": f"http://{cloud_store['VAHO_LISTEN']}", "VAHO_TOKEN_FILE": str(work / "cellar/token"), "VAHO_SYNC_PERIOD_SECONDS": "1",
        "VAHO_BACKOFF_SECONDS": "1"}
    edge = launch("vaho-edge", ["run", "--speed", "10"], edge_variables | connected)
    time.sleep(15)
    idle = memory(edge)
    cloud = launch("vaho-cloud", ["serve"], cloud_store)
    archive, peak, first = work / "cloud/archive.sqlite", 0, None
    while True:
        peak = max(peak, memory(edge))
        arrived = count(archive, "SELECT SUM(readings) FROM log_month")
        first = first or (time.monotonic() if arrived else None)
        if first and arrived >= taken:
            break
        if first and time.monotonic() - first > 300:
            sys.exit("not drained within 300 s")
        time.sleep(0.1)
    drained = time.monotonic() - first
    time.sleep(12)
    after = memory(edge)
    offset = time.time() * 1000 - time.clock_gettime(time.CLOCK_BOOTTIME) * 1000
    lags, bytes_sent = [], 0
    with sqlite3.connect(f"file:{archive}?mode=ro", uri=True) as database:
        for received, body in database.execute("SELECT received_at_ms, body FROM batch ORDER BY id"):
            bytes_sent += len(body)
            for reading in decode(body).readings:
                if reading.boottime_ms + offset > time.time() * 1000 - (drained + 12) * 1000 - 2000 and len(decode(body).readings) < 400:
                    lags.append(received - (reading.boottime_ms + offset))
    print(f"drained: {taken} readings in {drained:.1f} s (limit 60), {bytes_sent / taken:.2f} bytes a reading")
    print(f"memory: PSS {idle} kB while the cloud was away, {peak} kB at most while draining, {after} kB after")
    print(f"live readings during the drain: {len(lags)}, at most {max(lags, default=0):.0f} ms from sensor to the cloud's commit (up to 500 ms for the edge's commit)")
    for name in ("vaho-edge", "vaho-cloud"):
        for line in re.findall(r"^<[0-4]>.*", (work / f"{name}.log").read_text(), re.M)[:5]:
            print(f"{name} logged: {line}")
finally:
    for process in (edge, cloud):
        if process and process.poll() is None:
            process.terminate()
            process.wait()
    subprocess.run(["rm", "-rf", work], check=False)
