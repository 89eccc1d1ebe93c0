"""Three replicas on one PostgreSQL database behind nginx. Replicas, edges and the database are killed and restarted in turn; the database runs out of
disk or connections, or only reads, as after a failover; replies to the edges are lost, cut, late or repeated. At the end the archive is copied out of
the database and compared."""
import os
import subprocess
from pathlib import Path

from . import hostile, system
from . import verdict as verdicts
from .postgres import Postgres, free_port
from .programs import Cloud, Program, ProgramFault
from .proxy import FaultProxy
from .scenario import Scenario

REPLICAS = 3


class Replica(Cloud):
    def __init__(self, number: int, folder: Path, binaries: Path, store: str):
        super().__init__(folder, binaries)
        self.name, self.log = f"replica{number}", folder / f"replica{number}.log"
        self.variables |= {"VAHO_STORE": store, "VAHO_SIGNING_KEY_FILE": str(folder / "signing.key")}


class FrontDoor(Program):
    """nginx, which passes a request on to another replica if one does not answer or is stopping."""

    def __init__(self, folder: Path, replicas: list[Replica]):
        self.folder, self.replicas, self.port_number = folder, replicas, free_port()
        home = folder / "nginx"
        home.mkdir()
        servers = "".join(f"server {replica.variables['VAHO_LISTEN']} max_fails=0;" for replica in replicas)
        paths = "".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;" if os.getuid() == 0 else ""
        (home / "conf").write_text(
            f"{user} daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error.log;\n"
            "events { worker_connections 2048; }\n"
            f"http {{ access_log {home}/access.log; client_max_body_size 8m; {paths}\n"
            f"upstream replicas {{ {servers} keepalive 32; }}\n"
            f"server {{ listen 127.0.0.1:{self.port_number}; location / {{ proxy_pass http://replicas; proxy_http_version 1.1;\n"
            "proxy_set_header Connection ''; proxy_set_header Host $http_host; proxy_connect_timeout 1s;\n"
            # A batch may be sent again: its sequences make the repeat harmless.
            "proxy_next_upstream error timeout http_503 non_idempotent; proxy_next_upstream_tries 3; } } }\n")
        super().__init__("nginx", folder, ["/usr/sbin/nginx", "-e", f"{home}/error.log", "-c", f"{home}/conf"], {})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port_number}"

    def add_device(self, name: str) -> Path:
        return self.replicas[0].add_device(name)

    def failed_requests(self) -> int:
        lines = (self.folder / "nginx" / "access.log").read_text(errors="replace").splitlines()
        return sum(1 for line in lines if '"POST ' in line and line.split('" ')[1].startswith("50"))


class ReplicasScenario(Scenario):
    name = "replicas"
    device_count = 6
    rows_per_second = 20

    def set_up(self) -> None:
        system.need_root("a disk for the database")
        # With more edges, each edge takes fewer readings, so that the number of readings a second stays the same.
        self.rows_per_second = max(1, self.rows_per_second * ReplicasScenario.device_count // self.device_count)
        self.postgres = Postgres(self.cleanup, self.work)
        self.postgres.start()
        self.replicas: list[Replica] = []
        for number in range(REPLICAS):
            replica = Replica(number, self.work, self.binaries, self.postgres.url)
            self.replicas.append(replica)
            self.cleanup.callback(replica.kill)
            replica.first_start()
        os.environ["VAHO_SIGNING_KEY_FILE"] = str(self.work / "signing.key")
        self.cleanup.callback(lambda: os.environ.pop("VAHO_SIGNING_KEY_FILE"))
        self.cloud = FrontDoor(self.work, self.replicas)
        self.cloud.start()
        self.proxy = FaultProxy(("127.0.0.1", self.cloud.port_number), self.chance, self.fault)
        self.proxy.calm.set()  # no faults until the rolling restart is over, because its failed requests are counted
        self.cleanup.callback(self.proxy.close)
        for number in range(self.device_count):
            self.add_edge(f"d{number:02d}", url=f"http://127.0.0.1:{self.proxy.port}")
        for edge in self.edges:
            edge.start()

    def inject(self) -> None:
        chance = self.chance("faults")
        self.roll()
        self.proxy.calm.clear()
        while self.pause(chance.uniform(0.5, 2)):
            for replica in self.replicas:
                self.look_after(replica)
            self.look_after_edges()
            kind = chance.choice(["replica", "replica", "edge", "database", "database restart", "disk", "connections", "read only"])
            self.fault(kind)
            match kind:
                case "replica":
                    replica = chance.choice(self.replicas)
                    replica.kill()
                    self.pause(chance.uniform(0, 1.5))
                    replica.start()
                case "edge":
                    edge = chance.choice(self.edges)
                    edge.kill()
                    edge.start()
                case "database":
                    self.postgres.kill()
                    self.pause(chance.uniform(0, 1.5))
                    self.postgres.start()
                case "database restart":
                    self.postgres.restart()
                case "disk":
                    self.postgres.fill_disk()
                    self.pause(chance.uniform(0.5, 2))
                    self.postgres.free_disk()
                case "connections":
                    self.postgres.take_connections(1)
                case "read only":
                    self.postgres.set_read_only(True)
                    self.pause(chance.uniform(0.5, 2))
                    self.postgres.set_read_only(False)

    def roll(self) -> None:
        """Restarts one replica after another, as for a new version, while the edges send."""
        count_active_devices = "SELECT COUNT(*) FROM device WHERE last_seen_at_ms IS NOT NULL"
        while int(self.postgres.query(count_active_devices)) < self.device_count:  # many edges take a while to start
            if not self.pause(0.5):
                raise ProgramFault("some edges did not contact the cloud before the scenario ended")
        self.pause(2)
        before = self.cloud.failed_requests()
        for replica in self.replicas:
            self.attempt(replica.stop)
            replica.start()
            replica.port()
            self.pause(0.5)
        failed = self.cloud.failed_requests() - before
        self.outcome.notes.append(f"rolling restart of {REPLICAS} replicas: {failed} requests failed")
        if failed:
            self.problem(f"{failed} requests failed during the rolling restart")

    def settle(self) -> None:
        self.proxy.calm.set()
        for edge in self.edges:
            edge.kill()
            edge.speed *= 20
            edge.start()

    def count_in_cloud(self) -> int:
        return int(self.postgres.query(
            f"SELECT COALESCE(SUM(b.readings), 0) FROM batch b JOIN device d ON d.id = b.device WHERE d.name <> '{hostile.NAME}'"))

    def finish(self) -> None:
        for program in [*self.edges, self.cloud]:
            self.attempt(program.stop)
        self.outcome.verdict = self.compare()
        self.restore_backup()
        for replica in self.replicas:
            self.attempt(replica.stop)

    def restore_backup(self) -> None:
        """Restores a dump into another database, copies that database to a folder, and compares the copy with the sensors' readings."""
        dump, restored = self.work / "vaho.dump", self.postgres.url.replace("/postgres", "/restored")
        self.postgres.query("CREATE DATABASE restored")
        self.command("pg_dump", "--format=custom", f"--file={dump}", self.postgres.url)
        self.command("pg_restore", f"--dbname={restored}", str(dump))
        copy = self.work / "restored"
        self.command(str(self.binaries / "vaho-cloud"), "migrate", "--from", restored, "--to", f"sqlite:{copy}")
        found = verdicts.compare(self.truth, copy / "archive.sqlite", self.repaired)
        self.outcome.notes.append(f"restored from pg_dump: sent {found.sent}, lost {len(found.lost)}, doubled {len(found.doubled)}")
        if found.lost or found.doubled or found.strange:
            self.problem("the restored database differs from the readings of the sensors")

    @staticmethod
    def command(*arguments: str) -> None:
        done = subprocess.run(arguments, capture_output=True, text=True)
        if done.returncode != 0:
            raise ProgramFault(f"{' '.join(arguments[:2])}: {done.stderr.strip()} {done.stdout.strip()}")

    def compare(self) -> verdicts.Verdict:
        """An archive is copied while no server uses it."""
        for replica in self.replicas:
            self.attempt(replica.stop)
        copy = self.work / "copy"
        subprocess.run(["rm", "-rf", str(copy)], check=True)
        self.command(str(self.binaries / "vaho-cloud"), "migrate", "--from", self.postgres.url, "--to", f"sqlite:{copy}")
        for replica in self.replicas:
            replica.start()
            replica.port()
        return verdicts.compare(self.truth, copy / "archive.sqlite", self.repaired)
