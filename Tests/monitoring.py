"""Checks the files of deploy/monitoring against the programs: every metric, query and template must find something.

usage: monitoring.py FOLDER CLOUD-URL TOKEN-FILE EDGE-URL DATABASE
"""
import json
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import jinja2
import yaml

# Metrics that exist only while something is wrong, after a model has been trained, or with an archive in a folder.
CONDITIONAL = {"vaho_sensor_alarms", "vaho_model_skill_ratio", "vaho_store_free_bytes"}


def get(url, token=None):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def until(what, look, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.3)
    sys.exit(f"monitoring.py: not seen within {seconds} s: {what}")


def check_metrics(folder, cloud, token, edge):
    def names():
        text = get(cloud + "/metrics", token) + get(edge + "/metrics")
        found = set(re.findall(r"^(vaho_\w+)", text, re.MULTILINE))
        return found if "vaho_relative_humidity_ratio" in found and "vaho_sensor_up" in found else None

    exported = until("the sensor in the metrics", names)
    used = {}
    for rule in yaml.safe_load((folder / "alerts.yml").read_text())["groups"][0]["rules"]:
        used |= dict.fromkeys(re.findall(r"vaho_\w+", rule["expr"]), rule["alert"])
    for panel in json.loads((folder / "grafana.json").read_text())["panels"]:
        for target in panel["targets"]:
            used |= dict.fromkeys(re.findall(r"vaho_\w+", target.get("expr", "")), panel["title"])
    missing = {name: user for name, user in used.items() if name not in exported | CONDITIONAL}
    if missing:
        sys.exit(f"monitoring.py: no program exports {missing}")
    print(f"ok {len(used)} metrics of rules and dashboard exist")


def check_queries(folder, database):
    queries = [target["rawSql"] for panel in json.loads((folder / "grafana.json").read_text())["panels"] for target in panel["targets"] if "rawSql" in target]
    for query in queries:
        query = query.replace("$__unixEpochFrom()", "0").replace("$__unixEpochTo()", "4102444800").replace("$device", "'church'")

        def rows():
            done = subprocess.run(["psql", "-qXAt", database, "-c", query], capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"monitoring.py: {done.stderr}")
            return done.stdout.splitlines()

        first = until("rows of the dashboard's query", rows)[0].split("|")
        if len(first) != 3 or first[1] != "church/crypt" or not 0 <= float(first[2]) <= 100:
            sys.exit(f"monitoring.py: {first}")
    print(f"ok {len(queries)} query of the dashboard has rows")


def check_templates(folder, edge):
    sensors = 0
    for rest in yaml.safe_load((folder / "home-assistant.yaml").read_text())["rest"]:
        path = rest["resource"].removeprefix("http://127.0.0.1:8470")

        def values():
            try:
                document = json.loads(get(edge + path))
                return [jinja2.Template(sensor["value_template"]).render(value_json=document) for sensor in rest["sensor"]]
            except (urllib.error.HTTPError, jinja2.UndefinedError):
                return None  # the first forecast follows the first observation

        for sensor, value in zip(rest["sensor"], until(f"values of {path}", values)):
            if not -50 < float(value) < 101:
                sys.exit(f"monitoring.py: {sensor['name']} is {value}")
            if "availability" in sensor:
                available = jinja2.Template(sensor["availability"]).render(value_json=json.loads(get(edge + path)))
                if available not in ("True", "False"):
                    sys.exit(f"monitoring.py: the availability of {sensor['name']} is {available}")
            sensors += 1
    print(f"ok {sensors} sensors of Home Assistant have values")


def main():
    folder, cloud, token, edge, database = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]).read_text().strip(), sys.argv[4], sys.argv[5]
    check_metrics(folder, cloud, token, edge)
    check_queries(folder, database)
    check_templates(folder, edge)


if __name__ == "__main__":
    main()
