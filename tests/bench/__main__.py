"""Time, memory and agreement of our predict against what a user would do otherwise, as ratios within one run.

``python -m tests.bench`` takes all parts, ``python -m tests.bench NAME...`` only those, and ``--size 64``
cuts a small cube out of the head to try them. Prints a table, and writes it to ``results/bench.md`` and
``results/bench.json``.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from medscience.doctor.processor import processor
from medscience.machine.cores import usable_cores
from medscience.store.record import versions
from tests.bench import roof
from tests.bench.against import against
from tests.bench.background import background
from tests.bench.classes import classes
from tests.bench.dicom import dicom
from tests.bench.export import export
from tests.bench.fringes import fringes
from tests.bench.memory import memory
from tests.bench.overhead import overhead
from tests.bench.painting import painting
from tests.bench.phases import phases
from tests.bench.reviewing import reviewing
from tests.bench.row import HEADER, Row, table
from tests.bench.safety import safety
from tests.bench.setting import WHOLE, Setting
from tests.bench.sheet import sheet
from tests.bench.sliding import sliding
from tests.bench.store import store
from tests.bench.training import training
from tests.bench.windows import windows
from tests.bench.workers import workers

PARTS: dict[str, Callable[[Setting], Iterator[Row]]] = {
    "roof": roof.rows,
    "meshnet20": partial(against, "model20chan3cls"),
    "meshnet5": partial(against, "model5_gw_ae"),
    "background": background,
    "sliding": sliding,
    "store": store,
    "safety": safety,
    "export": export,
    "dicom": dicom,
    "classes": classes,
    "memory": memory,
    "review": reviewing,
    "windows": windows,
    "workers": workers,
    "training": training,
    "sheet": sheet,
    "overhead": overhead,
    "painting": painting,
    "phases": phases,
    "fringes": fringes,
}
RESULTS = Path("results")


def main() -> None:
    """Run the bench."""
    options = _options()
    RESULTS.mkdir(exist_ok=True)
    rows: list[Row] = []
    circumstances = {
        "processor": processor().found,
        "threads": options.threads,
        "size": options.size,
        "rounds": options.rounds,
        "versions": versions(),
    }
    sys.stdout.write(f"{HEADER}\n")
    with tempfile.TemporaryDirectory(dir=RESULTS, prefix="bench-") as folder:
        setting = Setting(Path(folder), options.size, options.threads, options.rounds)
        for part in options.parts or PARTS:
            for row in PARTS[part](setting):
                rows.append(row)
                sys.stdout.write(f"{row.line}\n")
                sys.stdout.flush()
            _keep(circumstances, rows)  # after each part, as all of them take half an hour


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure.")
    parser.add_argument("parts", nargs="*", metavar="NAME", help=f"some of: {', '.join(PARTS)}; default: all")
    parser.add_argument("--size", type=int, default=WHOLE, help="voxels along each side of the scan")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="default: all processors")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side is run")
    options = parser.parse_args()
    unknown = set(options.parts) - PARTS.keys()
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


def _keep(circumstances: dict[str, object], rows: list[Row]) -> None:
    (RESULTS / "bench.md").write_text(table(rows), "utf-8")
    result = circumstances | {"rows": [row.record() for row in rows]}
    (RESULTS / "bench.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
