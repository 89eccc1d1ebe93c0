"""Lost, truncated, repeated, late and refused answers, through a proxy between every edge and the cloud."""
from .proxy import FaultProxy
from .scenario import Scenario


class RepliesScenario(Scenario):
    name = "replies"
    device_count = 16  # each waits for seconds after a failure, so it takes many to keep the proxy busy
    rows_per_second = 4

    def set_up(self) -> None:
        self.start_cloud()
        self.proxy = FaultProxy((self.cloud.address, self.cloud.port()), self.chance, self.fault)
        self.cleanup.callback(self.proxy.close)
        for number in range(self.device_count):
            self.add_edge(f"d{number:02d}", url=f"http://127.0.0.1:{self.proxy.port}")
        for edge in self.edges:
            edge.start()

    def inject(self) -> None:
        while self.pause(1):
            self.look_after_edges()

    def settle(self) -> None:
        self.proxy.calm.set()
