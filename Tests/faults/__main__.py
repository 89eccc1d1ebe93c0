"""Command line: runs the chosen scenarios one after another, prints a table and a line of figures."""
import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from . import verdict
from .clock import ClockScenario
from .disk import DiskScenario
from .kill import KillScenario
from .network import NetworkScenario
from .power import PowerScenario
from .replicas import ReplicasScenario
from .replies import RepliesScenario
from .scenario import Outcome

SCENARIOS = {each.name: each for each in (KillScenario, RepliesScenario, NetworkScenario, DiskScenario, ClockScenario, PowerScenario, ReplicasScenario)}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Tests/faults.sh", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--minutes", type=float, required=True, help="divided evenly among the scenarios")
    parser.add_argument("--only", default=",".join(SCENARIOS), help="some of: %(default)s")
    parser.add_argument("--devices", type=int, help="edges of each scenario (default: a number that suits two cores)")
    parser.add_argument("--binaries", type=Path, required=True, help="the folder of vaho-edge and vaho-cloud")
    chosen = parser.parse_args()
    chosen.only = chosen.only.split(",")
    for name in chosen.only:
        if name not in SCENARIOS:
            parser.error(f"there is no scenario «{name}»; there are {', '.join(SCENARIOS)}")
    for program in ("vaho-edge", "vaho-cloud"):
        if not (chosen.binaries / program).is_file():
            parser.error(f"there is no {program} in {chosen.binaries}")
    return chosen


def report(outcome: Outcome) -> None:
    found = outcome.verdict
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(outcome.faults.items())) or "none"
    figures = "not compared" if found is None else (
        f"sent {found.sent}, lost {len(found.lost)}, doubled {len(found.doubled)}, "
        f"strange {len(found.strange)}, accounted {found.accounted}, again {found.again}")
    print(f"{outcome.name:8} {'passed' if outcome.is_good else 'FAILED':6} {outcome.seconds:5.0f} s  "
          f"faults {outcome.faults.total()} ({kinds})")
    print(f"{'':8} {figures}; drained in {outcome.drained_in:.1f} s")
    for note in outcome.notes:
        print(f"{'':8} {note}")
    for problem in outcome.problems:
        print(f"{'':8} problem: {problem}")
    for kind in ("lost", "doubled", "strange"):
        for key in (getattr(found, kind) if found else [])[:5]:
            print(f"{'':8} {kind}: {verdict.words(key)}")
    sys.stdout.flush()


def main() -> int:
    chosen = arguments()
    # SIGTERM ends a run like Ctrl-C, through the cleanup.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    work = Path(tempfile.mkdtemp(prefix="vaho-faults-"))
    seconds = chosen.minutes * 60 / len(chosen.only)
    outcomes: list[Outcome] = []
    began = time.monotonic()
    try:
        for name in chosen.only:
            scenario = SCENARIOS[name](chosen.seed, seconds, work / name, chosen.binaries.resolve())
            scenario.device_count = chosen.devices or scenario.device_count
            outcome = scenario.run()
            outcomes.append(outcome)
            report(outcome)
            if outcome.is_good:
                shutil.rmtree(work / name)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        shutil.rmtree(work, ignore_errors=True)
        return 130
    good = all(outcome.is_good for outcome in outcomes)
    print(f"seed {chosen.seed}, {time.monotonic() - began:.0f} s" + ("" if good else f"; kept for inspection: {work}"))
    if good:
        shutil.rmtree(work, ignore_errors=True)
    found = [outcome.verdict for outcome in outcomes if outcome.verdict]
    print(f"faults={sum(outcome.faults.total() for outcome in outcomes)} sent={sum(each.sent for each in found)} "
          f"lost={sum(len(each.lost) for each in found)} doubled={sum(len(each.doubled) for each in found)}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
