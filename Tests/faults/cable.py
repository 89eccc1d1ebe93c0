"""A cable between two network namespaces that delays, reorders, drops and repeats packets: a TUN device at each end, and this process between.

The kernel's own netem is not available everywhere; a TUN device is.
"""
import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import struct
import threading
import time

from . import system

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
CLONE_NEWNET = 0x40000000


class Cable:
    """The settings may change while the cable runs; with all of them at 0 the cable is perfect."""

    def __init__(self, cleanup: contextlib.ExitStack, ends: list[tuple[str, str]], chance: random.Random):
        """`ends`: two namespaces, and the name of the device to create in each."""
        self.delay = self.jitter = self.loss = self.copies = 0.0  # seconds one way, seconds, shares of packets
        self.chance = chance
        self.waiting: list[tuple[float, int, int, bytes]] = []  # due time, number, destination end, packet
        self.count = 0
        self.changed = threading.Condition()
        self.closed = False
        self.ends = [tun_device(namespace, name) for namespace, name in ends]
        cleanup.callback(self.close)
        works = [lambda: self.listen(0), lambda: self.listen(1), self.carry]
        self.threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in self.threads:
            thread.start()

    def perfect(self) -> None:
        self.delay = self.jitter = self.loss = self.copies = 0.0

    def close(self) -> None:
        self.closed = True  # the devices vanish with their namespaces; a read of a vanished device fails and ends its thread

    def listen(self, end: int) -> None:
        while not self.closed:
            try:
                packet = os.read(self.ends[end], 65536)
            except OSError:
                time.sleep(0.05)  # the device is down
                continue
            with self.changed:
                if self.chance.random() < self.loss:
                    continue
                for _ in range(2 if self.chance.random() < self.copies else 1):
                    due = time.monotonic() + self.delay + self.chance.uniform(0, self.jitter)
                    self.count += 1
                    heapq.heappush(self.waiting, (due, self.count, 1 - end, packet))
                self.changed.notify()

    def carry(self) -> None:
        while not self.closed:
            with self.changed:
                now = time.monotonic()
                if not self.waiting or self.waiting[0][0] > now:
                    self.changed.wait(min(0.5, self.waiting[0][0] - now) if self.waiting else 0.5)
                    continue
                _, _, end, packet = heapq.heappop(self.waiting)
            with contextlib.suppress(OSError):
                os.write(self.ends[end], packet)


def tun_device(namespace: str, name: str) -> int:
    """A thread enters the namespace and opens the device: the device belongs to that namespace, the descriptor to all threads."""
    made: list[int | OSError] = []

    def make() -> None:
        try:
            with open(f"/run/netns/{namespace}", "rb") as place:
                if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            descriptor = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
            made.append(descriptor)
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise system.ScenarioFault(f"a TUN device in {namespace}: {made[0]}")
    return made[0]
