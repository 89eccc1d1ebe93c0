"""Edges and cloud in two network namespaces; the cable between them delays, reorders, loses, slows, breaks and refuses."""
import random
from collections.abc import Callable

from . import system
from .cable import Cable
from .scenario import Scenario


class NetworkScenario(Scenario):
    name = "network"
    device_count = 6
    rows_per_second = 8
    # A lost connection is noticed after 10 s (while connecting) or 20 s (stalled); then comes a pause that doubles.
    drain_seconds = 120

    def set_up(self) -> None:
        system.need_root("network namespaces")
        system.need_tools({"ip": "iproute2", "tc": "iproute2", "nft": "nftables"})
        self.net = system.Namespaces(self.cleanup)
        self.cable = Cable(self.cleanup, self.net.ends, self.chance("packets"))
        self.net.join()
        # The namespaces must outlive the programs in them, so the programs end first.
        self.cleanup.callback(self.end_programs)
        self.start_cloud(self.net.cloud_address, self.net.inside(self.net.cloud))
        for number in range(self.device_count):
            self.add_edge(f"d{number:02d}", prefix=self.net.inside(self.net.edges), variables={"VAHO_PLAIN_HTTP": "anywhere"})
        for edge in self.edges:
            edge.start()

    def inject(self) -> None:
        kinds: dict[str, tuple[Callable[[random.Random], None], float]] = {
            "loss 20 %": (self.lose, 6), "delay": (self.delay, 6), "packets shuffled and repeated": (self.shuffle, 4), "slow link": (self.slow, 5), "partition": (self.part, 4), "one way only": (self.one_way, 4),
            "TCP reset": (self.refuse, 3), "link down": (self.unplug, 3),
        }
        chance = self.chance("cable")
        while self.pause(chance.uniform(0.3, 2.0)):
            kind = chance.choice(list(kinds))
            make, longest = kinds[kind]
            make(chance)
            self.fault(kind)
            self.pause(chance.uniform(0.5, longest))
            self.mend()
            self.look_after_edges()

    def settle(self) -> None:
        self.mend()

    def mend(self) -> None:
        self.cable.perfect()
        for name, link in self.net.ends:
            self.inside(name, "nft flush ruleset")
            system.try_run(f"tc -n {name} qdisc del dev {link} root")  # fails if there is no qdisc
            system.run(f"ip -n {name} link set {link} up")

    def inside(self, name: str, command: str) -> None:
        system.run(" ".join([*self.net.inside(name), command]))

    def filter(self, name: str, rule: str) -> None:
        """Adds a rule for all packets that arrive in a namespace."""
        self.inside(name, "nft add table inet f")
        self.inside(name, "nft add chain inet f i { type filter hook input priority 0 ; }")
        self.inside(name, f"nft add rule inet f i {rule}")

    def lose(self, chance: random.Random) -> None:
        """Packets are lost in both directions, with some delay, as on a bad radio link."""
        self.cable.loss, self.cable.delay = 0.2, chance.choice([0, 0.02, 0.1])

    def delay(self, chance: random.Random) -> None:
        """Like a satellite or a slow mobile network: half a second to three seconds of round trip."""
        self.cable.delay, self.cable.jitter = chance.uniform(0.25, 1.2), chance.uniform(0, 0.3)

    def shuffle(self, chance: random.Random) -> None:
        self.cable.jitter, self.cable.copies = chance.uniform(0.02, 0.3), 0.3

    def slow(self, chance: random.Random) -> None:
        rate = chance.choice([16, 64, 256])
        for name, link in self.net.ends:
            system.run(f"tc -n {name} qdisc add dev {link} root tbf rate {rate}kbit burst 1600 latency 2s")

    def part(self, _: random.Random) -> None:
        for name in (self.net.cloud, self.net.edges):
            self.filter(name, "counter drop")

    def one_way(self, chance: random.Random) -> None:
        """Batches arrive and their answers do not, or the reverse."""
        self.filter(chance.choice([self.net.cloud, self.net.edges]), "counter drop")

    def refuse(self, _: random.Random) -> None:
        port = self.cloud.url.rsplit(":", 1)[1]
        self.filter(self.net.cloud, f"tcp dport {port} counter reject with tcp reset")

    def unplug(self, chance: random.Random) -> None:
        name, link = chance.choice(self.net.ends)
        system.run(f"ip -n {name} link set {link} down")
