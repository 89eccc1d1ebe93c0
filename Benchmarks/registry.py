#!/usr/bin/env python3
"""Measures lists and queries of a cloud's archive in a folder with a long life: snapshots of many sensor-years, and many releases.

usage: registry.py VAHO-CLOUD [--sensors 1000] [--releases 10000]

The rows are written with SQLite: a year of packed weeks for each sensor in two snapshots, which differ in one week of every tenth sensor; releases, each
of which was the champion for an hour; a device that reported each of them.
"""
import argparse
import hashlib
import json
import os
import sqlite3
import subprocess
import tempfile
import time
import urllib.request

START = 1_700_000_000_000
WEEK = 2_800


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def weeks(sensor, changed):
    """The week list of a sensor in a snapshot: see SnapshotWeeks."""
    out = bytearray()
    for number in range(52):
        content = f"{sensor} {number} {changed and number == 51}".encode()
        out += varint((WEEK if number == 0 else 1) << 1) + varint(1008) + hashlib.sha256(content).digest()
    return bytes(out)


def fill(path, sensors, releases):
    database = sqlite3.connect(path)
    database.execute("INSERT INTO device (id, name, created_at_ms) VALUES (1, 'church', 1)")
    for snapshot, name in ((1, "a"), (2, "b")):
        database.execute(
            "INSERT INTO snapshot (id, sha256, created_at_ms, reason, sensors, weeks, observations, days) VALUES (?, ?, ?, 'test', ?, ?, ?, ?)",
            (snapshot, name * 64, START, sensors, 52 * sensors, 52 * 1008 * sensors, 364 * sensors))
        for sensor in range(sensors):
            body = weeks(sensor, snapshot == 2 and sensor % 10 == 0)
            database.execute("INSERT INTO snapshot_sensor VALUES (?, ?, 1, ?, 'air', 600, ?, ?, ?)",
                             (snapshot, 100 + sensor, f"d{sensor:05}", 52 * 1008, hashlib.sha256(body).hexdigest(), body))
    for number in range(releases):
        counter, at = 1_000_000 + number, START + 3_600_000 * number
        sha256 = hashlib.sha256(str(number).encode()).hexdigest()
        database.execute("INSERT INTO release (counter, sha256, model_id, created_at_ms, snapshot, parent, backtest, body) "
                         "VALUES (?, ?, 'm', ?, 's', '', '', ?)", (counter, sha256, at, bytes(120_000)))
        database.execute("INSERT INTO alias_history (at_ms, name, counter, author, reason) VALUES (?, 'champion', ?, 'run', ?)",
                         (at, counter, f"run {number}: pass"))
        database.execute("INSERT INTO device_release VALUES (1, ?, ?, ?)", (at + 60_000, counter, sha256))
    database.execute("INSERT INTO alias VALUES ('champion', ?)", (1_000_000 + releases - 1,))
    database.commit()
    database.close()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--sensors", type=int, default=1000)
    arguments.add_argument("--releases", type=int, default=10000)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, VAHO_STORE=f"sqlite:{folder}/cloud", VAHO_LISTEN="127.0.0.1:0", VAHO_ANONYMOUS="viewer", VAHO_PRETRAINED_FILE="none")

        def command(*words):
            started = time.monotonic()
            done = subprocess.run([options.program, *words], env=environment, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise SystemExit(f"{words}: {done.stderr}")
            return time.monotonic() - started, done.stdout

        with open(f"{folder}/log", "w") as log, subprocess.Popen([options.program, "serve"], env=environment, stderr=log) as server:
            def port():
                for line in open(f"{folder}/log"):
                    if "listening address=127.0.0.1:" in line:
                        return int(line.split("127.0.0.1:")[1])
                return None
            while not port():
                time.sleep(0.05)
            fill(f"{folder}/cloud/archive.sqlite", options.sensors, options.releases)
            for name, words in (("snapshot list", ["snapshot", "list", "--format", "json"]),
                                ("snapshot diff", ["snapshot", "diff", "a" * 64, "b" * 64, "--format", "json"])):
                times = [command(*words) for _ in range(5)]
                rows = len(json.loads(times[0][1]))
                print(f"{name}, {options.sensors} sensor-years: {1000 * max(t for t, _ in times):.0f} ms at most, {rows} rows")
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START / 1000 + 3_600 * options.releases // 2 + 120))
            times = [command("models", "history", "--device", "church", "--at", at, "--format", "json") for _ in range(5)]
            assert f"run {options.releases // 2}: pass" in times[0][1], times[0][1]
            print(f"which release at a time, {options.releases} releases, command: {1000 * max(t for t, _ in times):.0f} ms at most")
            slowest = 0
            for number in range(50):
                hour = options.releases * number // 50
                at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START / 1000 + 3_600 * hour + 120))
                started = time.monotonic()
                with urllib.request.urlopen(f"http://127.0.0.1:{port()}/v1/devices/church/release-history?at={at}") as answer:
                    assert json.load(answer)["assignment"]["reason"] == f"run {hour}: pass"
                slowest = max(slowest, time.monotonic() - started)
            print(f"the same by HTTP: {1000 * slowest:.1f} ms at most")
            server.terminate()


main()
