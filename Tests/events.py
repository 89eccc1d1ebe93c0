#!/usr/bin/env python3
"""Checks the event streams of a running cloud: content, filter, continuation, limits, access, memory and the stop.

usage: Tests/events.py FOLDER     a folder with vaho-edge and vaho-cloud
"""
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OWNERS = 16  # tokens: one token may have 64 streams
GROWTH_KB = 2_000  # the most that memory may grow from the fourth thousand of streams to the sixth
BIN = Path(sys.argv[1]).resolve()


def fail(text):
    sys.exit(f"events.py: {text}")


def pss(process):
    return int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{process.pid}/smaps_rollup").read_text(), re.MULTILINE)[1])


class Stream:
    """One request for events, read line by line."""

    @classmethod
    async def open(cls, port, token, query="", last=None):
        stream = cls()
        stream.reader, stream.writer = await asyncio.open_connection("127.0.0.1", port)
        more = f"Last-Event-ID: {last}\r\n" if last else ""
        stream.writer.write(f"GET /v1/events{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n{more}\r\n".encode())
        head = (await asyncio.wait_for(stream.reader.readuntil(b"\r\n\r\n"), 10)).decode()
        stream.status = int(head.split()[1])
        stream.head = head.lower()
        return stream

    async def event(self, kind, seconds=20):
        """The data of the next event of a kind. Afterwards `place` is the id to continue with."""
        async def look():
            found = None
            while True:
                line = (await self.reader.readline()).decode()
                if not line:
                    return None
                if line.startswith("event: "):
                    found = line[7:].strip()
                elif line.startswith("id: "):
                    self.place = line[4:].strip()
                elif line.startswith("data: ") and found == kind:
                    return json.loads(line[6:])
        try:
            return await asyncio.wait_for(look(), seconds)
        except TimeoutError:
            fail(f"no event {kind} within {seconds} s")

    def close(self):
        self.writer.close()


async def check(work):
    store = {"VAHO_STORE": f"sqlite:{work}/cloud"}
    environment = {"PATH": os.environ["PATH"], "TMPDIR": os.environ.get("TMPDIR", "/tmp"), **store}
    log = Path(work, "cloud.log")
    server = subprocess.Popen([BIN / "vaho-cloud", "serve"], env={**environment, "VAHO_LISTEN": "127.0.0.1:0"}, stderr=log.open("w"))
    edge = None
    try:
        port = await until("the server's port", lambda: (m := re.search(r"listening address=127.0.0.1:(\d+)", log.read_text())) and int(m[1]))

        def command(*arguments):
            done = subprocess.run([BIN / "vaho-cloud", *arguments], env=environment, capture_output=True, text=True)
            if done.returncode:
                fail(f"{arguments}: {done.stderr}")
            return done.stdout

        tokens = [command("token", "create", f"viewer-{number}", "--role", "viewer").split()[-1] for number in range(OWNERS)]
        for device in ["attic", "vault"]:
            command("device", "add", device, "--out", f"{work}/{device}")
        edge = subprocess.Popen([BIN / "vaho-edge", "run"], stderr=subprocess.DEVNULL, env={
            "PATH": os.environ["PATH"], "VAHO_DEVICE_ID": "attic", "VAHO_STATE_DIR": f"{work}/state", "VAHO_SENSOR_AIR": "simulated",
            "VAHO_SAMPLE_PERIOD_SECONDS": "1", "VAHO_COMMIT_PERIOD_SECONDS": "1", "VAHO_SYNC_PERIOD_SECONDS": "1", "VAHO_LISTEN": "127.0.0.1:0",
            "VAHO_PRETRAINED_FILE": "none", "VAHO_CLOUD_URL": f"http://127.0.0.1:{port}", "VAHO_TOKEN_FILE": f"{work}/attic/token",
            "VAHO_RELEASE_KEY_FILE": f"{work}/attic/release-keys"})

        idle = len(os.listdir(f"/proc/{server.pid}/fd"))
        all_devices, one_device = await Stream.open(port, tokens[0]), await Stream.open(port, tokens[0], "?device=vault")
        for wanted in ["text/event-stream", "x-accel-buffering: no", "cache-control: no-store"]:
            if wanted not in all_devices.head:
                fail(f"{wanted} is missing in {all_devices.head}")
        await all_devices.event("reset")
        await one_device.event("reset")
        data = None
        while not data or not data["sensors"] or not data["sensors"][0]["last"]:
            data = await all_devices.event("device")
        if data["id"] != "attic" or not 0 < data["sensors"][0]["last"]["humidity_pct"] < 100:
            fail(f"not the reading of the device: {data}")
        command("device", "move", "vault", "Depot 2")
        counts = await one_device.event("fleet")
        if "counts" not in counts:
            fail(f"no counts: {counts}")
        print("ok readings and changes arrive as events, and a stream with device= has no event of another device")

        all_devices.close()
        continued = await Stream.open(port, tokens[0], "", all_devices.place)
        line = ""
        while not line.startswith("event: "):
            line = (await asyncio.wait_for(continued.reader.readline(), 20)).decode()
        if line.strip() == "event: reset":
            fail("a new connection with Last-Event-ID did not continue the stream")
        continued.close()
        foreign = await Stream.open(port, tokens[0], "", "other-7")
        await foreign.event("reset")
        for bad, status in [("?device=nobody", 404), ("?colour=red", 400)]:
            if (await Stream.open(port, tokens[0], bad)).status != status:
                fail(f"{bad}: expected {status}")
        if (await Stream.open(port, "wrong")).status != 401:
            fail("events without a valid token")
        print("ok a new connection with Last-Event-ID continues the stream")

        revoked = await Stream.open(port, tokens[1])
        command("token", "revoke", "viewer-1")
        began = time.monotonic()
        while await asyncio.wait_for(revoked.reader.readline(), 40):
            pass
        print(f"ok the stream of a revoked token ends after {time.monotonic() - began:.0f} s")
        tokens[1] = command("token", "create", "viewer-1b", "--role", "viewer").split()[-1]
        foreign.close()
        one_device.close()
        await until("these streams closed", lambda: len(os.listdir(f"/proc/{server.pid}/fd")) < idle + 5, 60)

        memory = []
        for thousand in range(6):
            streams = await asyncio.gather(*[Stream.open(port, tokens[number // 64], "?device=attic") for number in range(1_000)])
            if refused := [stream.status for stream in streams if stream.status != 200]:
                fail(f"{len(refused)} streams refused with {refused[0]}")
            await asyncio.gather(*[stream.event("device") for stream in streams])
            opened = pss(server)
            for stream in streams:
                stream.close()
            # A stream ends when the server next writes to it.
            await until("all connections closed", lambda: len(os.listdir(f"/proc/{server.pid}/fd")) < idle + 5, 60)
            memory.append(pss(server))
            print(f"   1,000 streams with an event each: PSS {opened} kB, after they have gone {memory[-1]} kB")
        if memory[5] - memory[3] > GROWTH_KB:
            fail(f"memory grows: {memory}")
        print("ok memory is flat after thousands of streams")

        many = await asyncio.gather(*[Stream.open(port, tokens[0]) for _ in range(65)])
        refused = [stream for stream in many if stream.status == 429]
        late = [stream for stream in many if stream.status == 200]
        if len(refused) + len(late) != 65 or len(late) < 64:
            fail(f"65 streams of one token: {[stream.status for stream in many]}")
        for stream in many:
            stream.close()
        await until("these connections closed", lambda: len(os.listdir(f"/proc/{server.pid}/fd")) < idle + 5, 60)
        streams = await asyncio.gather(*[Stream.open(port, tokens[number // 50]) for number in range(200)])
        began = time.monotonic()
        server.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(server.wait, 10)
        took = time.monotonic() - began
        if code or took > 2:
            fail(f"the server ended with {code} after {took:.1f} s")
        print(f"ok SIGTERM with {len(streams)} open streams: {took:.2f} s")
    finally:
        for process in [edge, server]:
            if process and process.poll() is None:
                process.kill()


async def until(what, look, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        await asyncio.sleep(0.1)
    fail(f"not seen within {seconds} s: {what}")


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(check(folder))
