"""Reads `application/vnd.vaho.batch`, written from the description in Sources/Wire/FORMAT.md, independently of the Swift code and its tests.

Keeps only what the comparison needs: the readings with their sequences, and the sequence and kind of each record.
"""
from dataclasses import dataclass

KINDS = {1: "hole", 2: "clock correction", 3: "sensor", 4: "calibration", 5: "rename"}
VALUES = ("humidity", "temperature", "pressure")


class Malformed(Exception):
    pass


@dataclass(frozen=True)
class Reading:
    sequence: int
    sensor: str
    taken_at_ms: int
    humidity_mpct: int | None
    temperature_mc: int | None
    pressure_pa: int | None
    flags: int
    clock: int
    boot: int
    boottime_ms: int


@dataclass(frozen=True)
class Batch:
    epoch: int
    first: int
    rows: int
    readings: list[Reading]
    records: list[tuple[int, str]]  # sequence, kind


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ 0x82F63B78 if value & 1 else value >> 1
        table.append(value)
    return table


_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value = (value >> 8) ^ _TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


class Reader:
    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def raw(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise Malformed(f"byte {self.at}: {count} bytes expected, the end came")
        self.at += count
        return self.data[self.at - count:self.at]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.raw(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise Malformed(f"byte {self.at}: a varint longer than 64 bits")

    def zigzag(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def blob(self) -> bytes:
        return self.raw(self.varint())

    def column(self, count: int) -> list[int]:
        """The common divisor, then zigzag varints; a zero is followed by the number of further zeros."""
        unit = self.varint()
        values: list[int] = []
        while len(values) < count:
            value = self.zigzag() * unit
            values.append(value)
            if value == 0:
                values += [0] * self.varint()
        if len(values) > count:
            raise Malformed(f"byte {self.at}: a run of zeros is longer than its column")
        return values


def decode(data: bytes) -> Batch:
    if data[:4] != b"VAHB" or len(data) < 9:
        raise Malformed("a batch begins with VAHB")
    if data[4] != 1:
        raise Malformed(f"version {data[4]} is not known here")
    if int.from_bytes(data[-4:], "little") != crc32c(data[:-4]):
        raise Malformed("the checksum does not match the bytes")
    reader = Reader(data[5:-4])
    epoch = int.from_bytes(reader.raw(8), "little")
    first, rows = reader.varint(), reader.varint()
    sensors = [reader.blob().decode() for _ in range(reader.varint())]
    records = []
    for _ in range(reader.varint()):
        place, kind = reader.varint(), reader.raw(1)[0]
        reader.blob()
        if kind not in KINDS:
            raise Malformed(f"a record of kind {kind}")
        records.append((first + place, KINDS[kind]))
    taken = {sequence for sequence, _ in records}
    sequences = [first + place for place in range(rows) if first + place not in taken]
    packed = Reader(reader.blob())
    readings = _readings(packed, sensors, sequences)
    if packed.at != len(packed.data):
        raise Malformed("the columns of readings are longer than their readings")
    if reader.raw(1)[0] == 1:
        reader.blob()  # the device's report
    if reader.at != len(reader.data):
        raise Malformed(f"{len(reader.data) - reader.at} bytes too many")
    return Batch(epoch, first, rows, readings, records)


def _readings(reader: Reader, sensors: list[str], sequences: list[int]) -> list[Reading]:
    count = len(sequences)
    order = _sensor_order(reader.column(count), len(sensors))
    # Which values a reading has, as an exclusive or with the sensor's previous mask; the first mask is humidity and temperature.
    present, last_present = [], [3] * len(sensors)
    for place, changed in zip(order, reader.column(count)):
        last_present[place] ^= changed
        present.append(last_present[place])
    times = reader.column(count)
    values = [iter(reader.column(sum(mask >> kind & 1 for mask in present))) for kind in range(len(VALUES))]
    others = [reader.column(count) for _ in ("flags", "clock", "boot", "boot time")]

    state = [{"time": 0, "spacing": 0, "values": [0, 0, 0], "others": [0, 0, 0, 0]} for _ in sensors]
    readings = []
    for index, place in enumerate(order):
        last = state[place]
        last["spacing"] += times[index]
        last["time"] += last["spacing"]
        found: list[int | None] = [None, None, None]
        for kind in range(len(VALUES)):
            if present[index] >> kind & 1:
                last["values"][kind] += next(values[kind])
                found[kind] = last["values"][kind]
        for kind, column in enumerate(others):
            last["others"][kind] += column[index]
        flags, clock, boot, boottime_offset = last["others"]
        # The boot time is stored as its distance from the wall time, which stays constant while nobody sets the clock.
        readings.append(Reading(
            sequences[index], sensors[place], last["time"], *found, flags, clock, boot, last["time"] + boottime_offset))
    return readings


def _sensor_order(differences: list[int], sensors: int) -> list[int]:
    """Each sensor is stored as its difference from a guess: the sensor that last followed the previous one; at first, the next in turn."""
    follower = [(place + 1) % max(1, sensors) for place in range(sensors)]
    last, order = sensors - 1, []
    for difference in differences:
        place = follower[last] + difference
        if not 0 <= place < sensors:
            raise Malformed("a reading of a sensor that the batch does not list")
        follower[last] = last = place
        order.append(place)
    return order
