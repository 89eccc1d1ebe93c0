#!/usr/bin/env python3
"""The documents name every setting, command and sensor that the sources have, and none that they do not have; README stays short, and
links between documents lead somewhere."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SETTING = re.compile(r"VAHO_[A-Z0-9_]*[A-Z0-9_]")
COMMAND = re.compile(r'Program\.Command\(\s*"([a-z ]+)"')
README_LIMITS = {"lines": 160, "bytes": 8_000}


def sources(*folders: str) -> str:
    return "\n".join(path.read_text() for folder in folders for path in sorted(ROOT.glob(folder)))


def settings(*folders: str) -> set[str]:
    """Names in string literals; a name that ends with _ begins a family, such as VAHO_SENSOR_."""
    return {name for text in re.findall(r'"[^"\n]*"', sources(*folders)) for name in SETTING.findall(text)}


def families(names: set[str]) -> set[str]:
    return {name for name in names if name.endswith("_")}


def compare(what: str, page: str, real: set[str], told: set[str], faults: list[str]) -> None:
    faults += [f"{page}: the {what} {name} is missing" for name in sorted(real - told)]
    faults += [f"{page}: the {what} {name} is in no source" for name in sorted(told - real)]


def check_settings(page: str, folders: list[str], others: set[str], faults: list[str]) -> None:
    real = settings(*folders)
    prefixes = families(real)

    def family(name: str) -> str:
        return next((prefix for prefix in prefixes if name.startswith(prefix)), name)

    rows = [line for line in (ROOT / page).read_text().splitlines() if line.startswith("|")]
    told = {family(name) for row in rows for name in SETTING.findall(row.split("|")[1])}
    compare("setting", page, {family(name) for name in real} - others, told, faults)


def check_commands(page: str, program: str, folder: str, faults: list[str]) -> None:
    real = set(COMMAND.findall(sources(folder)))
    text = (ROOT / page).read_text()
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    faults += [f"{page}: the command {name} is in no table" for name in sorted(real) if not any(f"{program} {name}" in row for row in rows)]
    words = {name.split()[0] for name in real} | {"--help", "--version"}
    told = set(re.findall(rf"^    {program} ([a-z-]+)", text, re.M)) | {m for row in rows for m in re.findall(rf"`{program} ([a-z-]+)", row)}
    faults += [f"{page}: {program} has no command {name}" for name in sorted(told - words)]


def check_sensors(page: str, faults: list[str]) -> None:
    """Kinds and chips by their names in a configuration: `hwmon:`, `i2c:sht4x`."""
    kinds = re.findall(r'"(\w+)"', re.search(r"NearestWord\.closest\(parts\[0\], in: \[([^]]*)\]", sources("edge/Sensors/SensorSpec.swift"))[1])
    chips = re.search(r"case (sht3x[^\n]*)", sources("edge/Sensors/I2C/I2CChip.swift"))[1].replace(" ", "").split(",")
    text = (ROOT / page).read_text().lower()
    faults += [f"{page}: the sensor kind {kind} is missing" for kind in sorted(kinds) if f"{kind}:" not in text and f"`{kind}`" not in text]
    faults += [f"{page}: the chip {chip} is missing" for chip in chips if chip not in text]


def check_links(faults: list[str]) -> None:
    for page in [path for path in ROOT.rglob("*.md") if not any(part.startswith(".build") for part in path.parts)]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
                faults.append(f"{page.relative_to(ROOT)}: the link to {target} leads nowhere")


def main() -> int:
    faults: list[str] = []
    alarm = {name for name in settings("edge/EdgeDaemon/Rules/*.swift") if name.startswith("VAHO_ALARM_")}
    check_settings(
        "edge/configuration.md", ["edge/EdgeDaemon/EdgeSettings*.swift", "edge/vaho-edge/RunCommand.swift"], alarm - {"VAHO_ALARM_COMMAND"}, faults)
    check_settings("cloud/running.md", ["cloud/vaho-cloud/CloudSettings.swift", "Sources/Console/Settings.swift"], {"VAHO_NAME"}, faults)
    check_commands("edge/running.md", "vaho-edge", "edge/vaho-edge/*.swift", faults)
    check_commands("cloud/running.md", "vaho-cloud", "cloud/vaho-cloud/*.swift", faults)
    check_sensors("edge/sensors.md", faults)
    readme = (ROOT / "README.md").read_bytes()
    sizes = {"lines": len(readme.splitlines()), "bytes": len(readme)}
    faults += [f"README.md has {sizes[kind]} {kind}, the limit is {limit}" for kind, limit in README_LIMITS.items() if sizes[kind] > limit]
    check_links(faults)
    print("\n".join(faults) or "the documents name what there is", file=sys.stderr if faults else sys.stdout)
    return 1 if faults else 0


sys.exit(main())
