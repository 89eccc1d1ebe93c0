"""Writes exports of fourteen makers' loggers: ten minutes apart, ending now, in the layouts of LoggerFilesTests/MakerTests.swift."""
import math
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

ZONE = "Europe/Berlin"
DAYS = 12


def comma(value, places=1):
    return f"{value:.{places}f}".replace(".", ",")


def fahrenheit(celsius):
    return f"{celsius * 1.8 + 32:.1f}"


# name: encoding, whether the file names its time zone, the lines up to the header, and a function of number, time, humidity and temperature.
MAKERS = {
    "Onset HOBOware": ("utf-8-sig", True, '"Plot Title: Vault 3"\n"#","Date Time, GMT-04:00","Temp, °F (LGR S/N: 1)","RH, % (LGR S/N: 1)","Host Connected"',
                       lambda n, t, h, c: f"{n},{t.astimezone(timezone(timedelta(hours=-4))):%m/%d/%y %I:%M:%S %p},{fahrenheit(c)},{h:.3f},"),
    "Onset HOBOconnect": ("utf-8", False, "#,Date-Time (CEST),Ch: 1 - Temperature   (°C),Ch: 2 - RH   (%),Dew Point   (°C)",
                          lambda n, t, h, c: f"{n},{t:%m/%d/%Y %H:%M:%S},{c:.2f},{h:.2f},4.01"),
    "Testo ComSoft": ("latin-1", False, "Messort: Archiv 2\n\nDatum/Uhrzeit;[°C] Temperatur;[%rF] Feuchte", lambda n, t, h, c: f"{t:%d.%m.%Y %H:%M:%S};{comma(c)};{comma(h)}"),
    "Gemini Tinytag": ("utf-16", False, "Serial Number\t123456\nRecord\tTime\tTemperature\tHumidity", lambda n, t, h, c: f"{n}\t{t:%d/%m/%Y %H:%M:%S}\t{c:.3f} °C\t{h:.1f} %RH"),
    "Lascar EasyLog": ("utf-8", False, "Vault,Time,Celsius(°C),Humidity(%rh),Dew Point(°C),Serial Number", lambda n, t, h, c: f"{n},{t:%Y-%m-%d %H:%M:%S},{c:.1f},{h:.1f},8.8"),
    "Rotronic HW4": ("utf-8", False, "HygroLog NT\tSN 1\nDate\tTime\tHumidity [%rh]\tTemperature [°C]", lambda n, t, h, c: f"{t:%d.%m.%Y}\t{t:%H:%M:%S}\t{h:.2f}\t{c:.2f}"),
    "Hanwell EMS": ("utf-8", False, "Site,Gallery\nDate/Time,Gallery 1 Humidity (%RH),Gallery 1 Temperature (°C)", lambda n, t, h, c: f"{t:%d/%m/%Y %H:%M},{h:.1f},{c:.1f}"),
    "Meaco": ("utf-8", False, "Date,Time,RH%,Temp C", lambda n, t, h, c: f"{t:%d/%m/%Y},{t:%H:%M:%S},{h:.1f},{c:.1f}"),
    "Govee Home": ("utf-8-sig", False, "Timestamp for sample frequency every 10 min min,Temperature_Fahrenheit,Relative_Humidity",
                   lambda n, t, h, c: f"{t:%Y-%m-%d %H:%M:%S},{fahrenheit(c)},{h:.1f}"),
    "SensorPush": ("utf-8", False, "Timestamp,Temperature (°F),Relative Humidity (%),Dew Point (°F),VPD (kPa)", lambda n, t, h, c: f"{t:%Y-%m-%d %H:%M},{fahrenheit(c)},{h:.1f},47.7,1.43"),
    "Ruuvi Station": ("utf-8", True, "Date,Temperature (°C),Humidity (%),Air pressure (hPa)", lambda n, t, h, c: f"{t:%Y-%m-%dT%H:%M:%S%z},{c:.2f},{h:.2f},1008.10"),
    "ThermoPro": ("utf-8", False, "Datetime,Temperature_Celsius,Humidity_Percent", lambda n, t, h, c: f"{t:%Y/%m/%d %H:%M},{c:.1f},{h:.0f}"),
    "Xiaomi Mi Home": ("utf-8", False, "time,temperature(℃),humidity(%)", lambda n, t, h, c: f"{t:%Y-%m-%d %H:%M:%S},{c:.1f},{h:.0f}"),
    "Aranet": ("utf-8", False, "Time(DD/MM/YYYY h:mm:ss A),Carbon dioxide(ppm),Temperature(°C),Relative humidity(%)",
               lambda n, t, h, c: f'{t:%d/%m/%Y %I:%M:%S %p},612,"{comma(c)}","{comma(h)}"'),
}


def write(folder):
    """[(maker, path, whether the file names its time zone)]"""
    end = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    count = DAYS * 144
    files = []
    for maker, (encoding, names_zone, head, row) in MAKERS.items():
        lines = [head]
        for number in range(count):
            at = (end - timedelta(minutes=10 * (count - 1 - number))).astimezone(ZoneInfo(ZONE))
            day = 2 * math.pi * number / 144
            lines.append(row(number + 1, at, 50 + 8 * math.sin(day), 20 + 2 * math.cos(day)))
        path = Path(folder, maker.lower().replace(" ", "-") + ".csv")
        path.write_bytes("\n".join(lines).encode(encoding))
        files.append((maker, path, names_zone))
    return files
