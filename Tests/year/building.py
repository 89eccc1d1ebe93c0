"""A simulated building: outdoor air over a year, and the air of its rooms, by a balance of water vapour.

Each room exchanges air with the outdoors and gains vapour from people. Its temperature follows the heating in winter and the weather in summer. The
series of one seed are always the same.
"""
import datetime
import math
import random

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)


def saturation_hpa(celsius):
    """Magnus form over water: Alduchov and Eskridge, J. Appl. Meteor. 35 (1996)."""
    return 6.1094 * math.exp(17.625 * celsius / (243.04 + celsius))


class Noise:
    """A first-order autoregressive series with mean 0."""

    def __init__(self, rng, hours, deviation):
        self.rng, self.keep, self.value = rng, math.exp(-1 / hours), 0.0
        self.step = deviation * math.sqrt(1 - self.keep**2)

    def next(self):
        self.value = self.keep * self.value + self.rng.gauss(0, self.step)
        return self.value


def outdoors(seed, hours):
    """Temperature (°C) and vapour pressure (hPa) of the outdoor air, hour by hour."""
    rng = random.Random(f"outdoors {seed}")
    fronts, showers, cover, depression = Noise(rng, 90, 3.2), Noise(rng, 12, 1.2), Noise(rng, 40, 0.3), Noise(rng, 60, 1.8)
    series = []
    for hour in range(hours):
        day = hour / 24
        season = -math.cos(2 * math.pi * (day - 20) / 365)
        amplitude = (4 + 2.5 * season) * max(0.2, 0.7 + cover.next())
        mean = 9.5 + 9.5 * season + fronts.next() + showers.next()
        celsius = mean + amplitude * math.sin(2 * math.pi * (hour % 24 - 9) / 24)
        dew_point = mean - 1.5 - abs(3 + 1.2 * season + depression.next())
        series.append((celsius, min(saturation_hpa(dew_point), saturation_hpa(celsius))))
    return series


class Room:
    def __init__(self, seed, number):
        rng = random.Random(f"room {seed} {number}")
        self.rng = random.Random(f"room {seed} {number} hours")
        self.name = f"room{number:02}"
        self.exchange_hours = rng.uniform(14, 24)  # time constant of the exchange of vapour
        self.setpoint = rng.uniform(18, 20.5)
        self.people = rng.uniform(0.02, 0.04)  # hPa an hour while people are in the room
        self.opens, self.closes = rng.choice([(8, 18), (9, 17), (10, 21)])
        self.weekend = rng.random() < 0.4  # whether people also come at weekends

    def series(self, weather, cooling):
        """Humidity (%) and temperature (°C), hour by hour. On the days of cooling the rooms are cooled at night."""
        draught, crowd = Noise(self.rng, 6, 0.25), Noise(self.rng, 30, 0.35)
        vapour, inside, usual = None, self.setpoint, None
        for hour, (celsius, vapour_out) in enumerate(weather):
            usual = celsius if usual is None else usual + (celsius - usual) / 72
            target, hours = max(self.setpoint, usual + 3.5), 14
            if hour // 24 in cooling:
                target, hours = target + (1 if 7 <= hour % 24 < 19 else -4), 3
            inside += (target - inside) / hours + (celsius - inside) * 0.002
            present = self.opens <= hour % 24 < self.closes and (hour // 24 % 7 < 5 or self.weekend)
            rate = math.exp(draught.next()) / self.exchange_hours
            vapour = vapour_out + 1.5 if vapour is None else vapour + (vapour_out - vapour) * min(1, rate)
            if present:
                vapour += self.people * max(0.1, 1 + crowd.next())
            vapour = min(vapour, 0.97 * saturation_hpa(inside))
            yield 100 * vapour / saturation_hpa(inside), inside


class Fault:
    """A fault of a sensor from a day on: a drift in % a month, or a value that no longer changes."""

    def __init__(self, kind, day, per_month=0.0):
        self.kind, self.day, self.per_month, self.frozen = kind, day, per_month, None

    def apply(self, hour, humidity):
        if hour < self.day * 24:
            return humidity
        if self.kind == "flat":
            self.frozen = humidity if self.frozen is None else self.frozen
            return self.frozen
        return humidity + self.per_month * (hour / 24 - self.day) / 30.4


def write(folder, seed, days, rooms, faults, cooling):
    """Writes FOLDER/ROOM.csv for each room and returns the series in %."""
    weather = outdoors(seed, days * 24)
    humidity = {}
    for number in range(1, rooms + 1):
        room = Room(seed, number)
        sensor = random.Random(f"sensor {seed} {number}")
        fault = faults.get(room.name)
        humidity[room.name] = []
        with open(f"{folder}/{room.name}.csv", "w", encoding="ascii") as file:
            file.write("time,humidity_pct,temperature_c\n")
            for hour, (percent, celsius) in enumerate(room.series(weather, cooling)):
                shown = percent + sensor.gauss(0, 0.15)
                shown = fault.apply(hour, shown) if fault else shown
                shown = min(100, max(0, shown))
                humidity[room.name].append(shown)
                at = START + datetime.timedelta(hours=hour)
                file.write(f"{at:%Y-%m-%dT%H:%M:%SZ},{shown:.2f},{celsius + sensor.gauss(0, 0.05):.2f}\n")
    return humidity
