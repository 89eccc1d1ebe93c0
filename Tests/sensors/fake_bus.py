#!/usr/bin/python3
"""A fake /dev/i2c-N with scripted chips, for one command: umockdev passes the command's ioctls to this process.

    umockdev-wrapper /usr/bin/python3 fake_bus.py --bus 1 --chip sht4x@0x44=6666,8000 -- vaho-edge read i2c:sht4x@1:0x44

The chips follow their data sheets' protocols and times, written from the sheets and not from the program that is tested: a chip
that is read before its conversion is done does not answer, and the BME280's registers are empty until it has measured. The numbers
after = are the raw words of temperature and humidity (BME280: pressure, temperature, humidity), in hexadecimal.

--fail N:ERRNO   the Nth transfer fails
--flip N         the Nth read has a flipped bit in its last byte
At the end prints one line of JSON to standard error: each address that was touched, with its numbers of writes and reads.
"""
import argparse
import errno
import json
import struct
import subprocess
import sys
import time

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import GLib, UMockdev  # noqa: E402

READ = 0x0001  # I2C_M_RD
IOCTL_SLAVE, IOCTL_FUNCS, IOCTL_RDWR = 0x0703, 0x0705, 0x0707
PLAIN_I2C = 1  # I2C_FUNC_I2C


class NoAnswer(Exception):
    """The chip does not acknowledge its address."""


def crc8(data, start):
    value = start
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x31 if value & 0x80 else value << 1) & 0xFF
    return value


def framed(word, start):
    data = word.to_bytes(2, "big")
    return data + bytes([crc8(data, start)])


class Chip:
    ready_at = 0.0
    result = None  # of the last measurement, until it is read

    def __init__(self, words):
        self.words = words

    def busy_for(self, milliseconds):
        self.ready_at = time.monotonic() + milliseconds / 1000

    def is_busy(self):
        return time.monotonic() < self.ready_at

    def read(self, count):
        if self.is_busy() or self.result is None:
            raise NoAnswer
        result, self.result = self.result, None
        return result[:count]


class SHT(Chip):
    """SHT3x: 16-bit commands, 15.5 ms. SHT4x: one byte, 8.3 ms. Both do not acknowledge while measuring or without a result."""

    def __init__(self, words, command, milliseconds, ignored=()):
        super().__init__(words)
        self.command, self.milliseconds, self.ignored = command, milliseconds, ignored

    def write(self, data):
        if data == self.command:
            self.busy_for(self.milliseconds)
            self.result = framed(self.words[0], 0xFF) + framed(self.words[1], 0xFF)
        elif data not in self.ignored:
            raise NoAnswer


class Noisy(SHT):
    """Every checksum is wrong."""

    def read(self, count):
        data = super().read(count)
        return data[:-1] + bytes([data[-1] ^ 1])


class AHT(Chip):
    """Not calibrated until the begin command; busy for longer than the data sheet says, as real chips are."""

    def __init__(self, words, begin, has_checksum):
        super().__init__(words)
        self.begin, self.has_checksum, self.is_calibrated, self.data = begin, has_checksum, False, bytes(6)

    def write(self, data):
        if data == self.begin and not self.is_calibrated:
            self.is_calibrated = True
        elif data == b"\xac\x33\x00" and self.is_calibrated:
            self.busy_for(95)
            both = self.words[1] << 20 | self.words[0]
            self.data = both.to_bytes(5, "big")
        else:
            raise NoAnswer

    def read(self, count):
        status = (0x80 if self.is_busy() else 0) | (0x08 if self.is_calibrated else 0) | 0x10
        data = bytes([status]) + (bytes(5) if self.is_busy() else self.data[:5])
        return (data + bytes([crc8(data, 0xFF)] if self.has_checksum else [0]))[:count]


class StuckAHT(AHT):
    """Busy until it is reset (0xBA, 20 ms)."""

    is_stuck = True

    def write(self, data):
        if data == b"\xba":
            self.is_stuck = False
            self.busy_for(20)
        elif not self.is_stuck:
            super().write(data)

    def read(self, count):
        data = super().read(count)
        return bytes([data[0] | 0x80]) + data[1:] if self.is_stuck else data


class HDC1080(Chip):
    pointer, config, data = 0, 0, None

    def __init__(self, words, device=b"\x10\x50"):
        super().__init__(words)
        self.device = device

    def write(self, data):
        self.pointer = data[0]
        if data[0] == 0x02 and len(data) == 3:
            self.config = data[1] << 8 | data[2]
        elif data == b"\x00":
            self.busy_for(6.35 + 6.5)
            both = self.words[0].to_bytes(2, "big") + self.words[1].to_bytes(2, "big")
            self.data = both if self.config & 0x1000 else both[:2]

    def read(self, count):
        if self.pointer == 0xFF:
            return self.device[:count]
        if self.is_busy() or self.data is None or count > len(self.data):
            raise NoAnswer
        return self.data[:count]


class HTU21D(Chip):
    """The times of the slower part: 16 ms for humidity, 50 for temperature. The status bits say which of the two a value is."""

    def write(self, data):
        if data == b"\xf5":
            self.busy_for(16)
            self.result = framed(self.words[1] & ~3 | 2, 0)
        elif data == b"\xf3":
            self.busy_for(50)
            self.result = framed(self.words[0] & ~3, 0)
        else:
            raise NoAnswer


class BME280(Chip):
    """The calibration of the worked example in the BMP280's data sheet, and humidity coefficients of a realistic size."""

    def __init__(self, words, chip_id=0x60):
        super().__init__(words)
        self.registers = bytearray(256)
        self.registers[0xD0] = chip_id
        signed = [26435, -1000, None, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000]
        values = [27504, *signed[:2], 36477, *signed[3:]]
        for place, value in enumerate(values):
            self.registers[0x88 + 2 * place : 0x8A + 2 * place] = (value & 0xFFFF).to_bytes(2, "little")
        self.registers[0xA1] = 75
        self.registers[0xE1:0xE8] = bytes([0x63, 0x01, 0, 0x15, 0x24, 0x03, 30])
        self.registers[0xF7:0xFF] = bytes([0x80, 0, 0, 0x80, 0, 0, 0x80, 0])
        self.pointer, self.humidity_is_on = 0, False

    def write(self, data):
        self.pointer = data[0]
        for register, value in zip(data[0::2], data[1::2]):
            self.registers[register] = value
            if register == 0xF4:
                self.humidity_is_on = self.registers[0xF2] & 7 != 0  # applied only by a write to this register
                if value & 3 in (1, 2):
                    self.busy_for(9.3)

    def read(self, count):
        if self.is_busy():
            self.registers[0xF3] = 0x08
        elif self.registers[0xF4] & 3:
            self.registers[0xF3], self.registers[0xF4] = 0, self.registers[0xF4] & ~3
            pressure, temperature, humidity = self.words
            for place, word in ((0xF7, pressure), (0xFA, temperature)):
                self.registers[place : place + 3] = (word << 4).to_bytes(3, "big")
            if self.humidity_is_on:
                self.registers[0xFD:0xFF] = humidity.to_bytes(2, "big")
        data = bytes(self.registers[self.pointer : self.pointer + count])
        self.pointer += count
        return data


def chip(kind, words):
    kinds = {
        "sht3x": lambda: SHT(words, b"\x24\x00", 15.5, ignored=(b"\x30\x93", b"\x30\x66")),
        "noisy": lambda: Noisy(words, b"\x24\x00", 15.5),
        "sht4x": lambda: SHT(words, b"\xfd", 8.3),
        "aht10": lambda: AHT(words, b"\xe1\x08\x00", False),
        "aht20": lambda: AHT(words, b"\xbe\x08\x00", True),
        "stuck": lambda: StuckAHT(words, b"\xbe\x08\x00", True),
        "hdc1080": lambda: HDC1080(words),
        "hdc1000": lambda: HDC1080(words, b"\x10\x00"),
        "si7021": lambda: HTU21D(words),
        "htu21d": lambda: HTU21D(words),
        "bme280": lambda: BME280(words),
        "bmp280": lambda: BME280(words, 0x58),
    }
    return kinds[kind]()


class Bus:
    def __init__(self, chips, fail, flip):
        self.chips, self.fail, self.flip = chips, fail, flip
        self.transfers, self.reads, self.touched = 0, 0, {}

    def transfer(self, arg):
        self.transfers += 1
        if self.fail and self.transfers == self.fail[0]:
            return -1, self.fail[1]
        call = arg.resolve(0, 16)
        count = struct.unpack_from("I", bytes(call.retrieve()), 8)[0]
        messages = call.resolve(0, 16 * count)
        for place in range(count):
            address, flags, length = struct.unpack_from("HHH", bytes(messages.retrieve()), 16 * place)
            tally = self.touched.setdefault(f"0x{address:02x}", {"writes": 0, "reads": 0})
            found = self.chips.get(address)
            if found is None:
                return -1, errno.ENXIO
            buffer = messages.resolve(16 * place + 8, length)
            try:
                if flags & READ:
                    tally["reads"] += 1
                    self.reads += 1
                    data = bytearray(found.read(length).ljust(length, b"\xff"))
                    if self.reads == self.flip:
                        data[-1] ^= 0x10
                    buffer.update(0, bytes(data))
                else:
                    tally["writes"] += 1
                    found.write(bytes(buffer.retrieve()))
            except NoAnswer:
                return -1, errno.EREMOTEIO
        return count, 0

    def handle(self, _base, client):
        request, arg = client.get_request(), client.get_arg()
        if request == IOCTL_FUNCS:
            arg.resolve(0, 8).update(0, struct.pack("Q", PLAIN_I2C))
            client.complete(0, 0)
        elif request == IOCTL_SLAVE:
            client.complete(0, 0)
        elif request == IOCTL_RDWR:
            client.complete(*self.transfer(arg))
        else:
            client.complete(-1, errno.ENOTTY)
        return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bus", type=int, default=1)
    parser.add_argument("--chip", action="append", default=[], metavar="KIND@ADDRESS=WORDS")
    parser.add_argument("--fail", metavar="N:ERRNO")
    parser.add_argument("--flip", type=int, default=0, metavar="N")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    chips = {}
    for text in options.chip:
        place, words = text.split("=")
        kind, address = place.split("@")
        chips[int(address, 16)] = chip(kind, [int(word, 16) for word in words.split(",")])
    fail = None
    if options.fail:
        number, name = options.fail.split(":")
        fail = (int(number), getattr(errno, name))

    path = f"/dev/i2c-{options.bus}"
    testbed = UMockdev.Testbed.new()
    testbed.add_from_string(f"P: /devices/i2c-{options.bus}\nN: i2c-{options.bus}\nE: DEVNAME={path}\nE: SUBSYSTEM=i2c-dev\n")
    bus = Bus(chips, fail, options.flip)
    base = UMockdev.IoctlBase.new()
    base.connect("handle-ioctl", bus.handle)
    testbed.attach_ioctl(path, base)
    loop = GLib.MainLoop()
    program = subprocess.Popen([word for word in options.command if word != "--"])

    def ended():
        if program.poll() is None:
            return True
        loop.quit()
        return False

    GLib.timeout_add(20, ended)
    loop.run()
    print(json.dumps(bus.touched), file=sys.stderr)
    return program.returncode


sys.exit(main())
