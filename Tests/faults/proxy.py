"""A proxy that applies the faults of bad networks and bad middleboxes to single requests.

HTTP/1.1 with Content-Length, keep-alive towards the edge, a fresh connection to the cloud for each request.
"""
import random
import re
import socket
import struct
import threading
import time

# Weights. After a failure an edge waits for seconds, so the harmless kinds come more often; otherwise little would be sent.
HARMLESS = {"fine": 20, "twice": 22, "delayed": 12, "replayed": 18}
FAILING = {"reply dropped": 7, "reply cut": 7, "request cut": 6, "busy": 5, "reset": 5, "held": 6}
FAILURES_IN_A_ROW = 2  # the edge doubles its pause at each failure, so it would sleep through the rest after more
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"


class Gone(Exception):
    """The other side closed the connection."""


class FaultProxy:
    def __init__(self, cloud: tuple[str, int], chance_of, count):
        """`chance_of(device)` makes the device's generator; `count(kind)` is called once for each fault."""
        self.cloud, self.chance_of, self.count = cloud, chance_of, count
        self.calm = threading.Event()  # if set, everything passes
        self.closed = threading.Event()
        self.devices: dict[str, random.Random] = {}
        self.failures: dict[str, int] = {}
        self.held: list[tuple[float, bytes]] = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        for work in (self.accept, self.send_held):
            threading.Thread(target=work, daemon=True).start()

    def close(self) -> None:
        self.closed.set()
        self.listener.close()

    def accept(self) -> None:
        while not self.closed.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        client.settimeout(120)
        with client:
            try:
                while self.serve_one(client):
                    pass
            except (Gone, OSError):
                pass

    def serve_one(self, client: socket.socket) -> bool:
        """Returns whether the connection stays open."""
        request = read_message(client)
        found = re.match(rb"\S+ /v1/devices/([^/]+)/", request)
        with self.lock:
            kind, chance = self.choose(found[1].decode() if found else "")
        if kind != "fine":
            self.count(kind)
        match kind:
            case "busy":
                client.sendall(BUSY)
                return True
            case "reset":
                # Without lingering, closing sends a TCP reset at once.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            case "held":
                self.hold(request, chance)
                return False
            case "request cut":
                self.send_part(request[:chance.randrange(1, len(request))])
                return False
            case "replayed":
                self.hold(request, chance)
            case "delayed":
                time.sleep(chance.uniform(0, 2))
        replies = [self.forward(request)]
        match kind:
            case "reply dropped":
                return False
            case "reply cut":
                client.sendall(replies[0][:chance.randrange(len(replies[0]))])
                return False
            case "twice":
                replies.append(self.forward(request))
            case "delayed":
                time.sleep(chance.uniform(0, 1))
        client.sendall(chance.choice(replies))
        return True

    def choose(self, device: str) -> tuple[str, random.Random]:
        chance = self.devices.setdefault(device, self.chance_of(device))
        if self.calm.is_set():
            return "fine", chance
        weights = HARMLESS if self.failures.get(device, 0) >= FAILURES_IN_A_ROW else HARMLESS | FAILING
        kind = chance.choices(list(weights), list(weights.values()))[0]
        self.failures[device] = self.failures.get(device, 0) + 1 if kind in FAILING else 0
        return kind, chance

    def forward(self, request: bytes) -> bytes:
        with socket.create_connection(self.cloud, timeout=30) as upstream:
            upstream.sendall(request)
            return read_message(upstream)

    def send_part(self, part: bytes) -> None:
        with socket.create_connection(self.cloud, timeout=30) as upstream:
            upstream.sendall(part)

    def hold(self, request: bytes, chance: random.Random) -> None:
        """Keeps a copy for later, when newer requests of the same device have overtaken it."""
        with self.lock:
            self.held.append((time.monotonic() + chance.uniform(0.2, 8), request))

    def send_held(self) -> None:
        while not self.closed.wait(0.1):
            now = time.monotonic()
            with self.lock:
                due = [request for at, request in self.held if at <= now or self.calm.is_set()]
                self.held = [(at, request) for at, request in self.held if at > now and not self.calm.is_set()]
            for request in due:
                try:
                    self.forward(request)
                except (Gone, OSError):
                    pass  # nobody waits for this answer


def read_message(source: socket.socket) -> bytes:
    """Reads one complete request or reply."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(source)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length:\s*(\d+)", head)
    missing = (int(length[1]) if length else 0) - len(body)
    while missing > 0:
        more = receive(source)
        data += more
        missing -= len(more)
    return data


def receive(source: socket.socket) -> bytes:
    data = source.recv(65_536)
    if not data:
        raise Gone
    return data
