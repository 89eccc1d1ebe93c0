"""Command line: plays the year, prints the results of the checks and the log of decisions."""
import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from .story import Story, Unmet, Year


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Tests/year.sh", description=__doc__)
    parser.add_argument("--days", type=int, default=365, help="at least 200 (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the weather and the rooms (default: %(default)s)")
    parser.add_argument("--speed", type=int, default=86_400, help="simulated seconds per second (default: a day)")
    parser.add_argument("--binaries", type=Path, required=True, help="the folder of vaho-edge, vaho-cloud and pretrained.vaho")
    parser.add_argument("--tool", type=Path, required=True, help="vaho-bench")
    parser.add_argument("--keep", type=Path, help="keep stores and logs in this new folder")
    chosen = parser.parse_args()
    if chosen.days < 200:
        parser.error("--days: the last event is on day 180, and the last 14 days are compared")
    return chosen


def main() -> int:
    chosen = arguments()
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="vaho-year-"))
    folder.mkdir(exist_ok=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(130))
    story = Story(folder, chosen.binaries.resolve(), chosen.tool.resolve(), Year(chosen.days), chosen.seed, chosen.speed)
    problem = None
    try:
        story.run()
        lines = story.check()
        print("\n" + "\n".join(lines))
        print("\nthe log of decisions:\n\n" + story.decisions())
    except Unmet as unmet:
        problem = unmet
        print("\nthe log of decisions:\n\n" + story.decisions())
    finally:
        story.kill()
        if not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if problem:
        print(f"the year has not shown what it must: {problem}", file=sys.stderr)
        return 1
    print(f"\nthe year passed in {story.seconds():.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
