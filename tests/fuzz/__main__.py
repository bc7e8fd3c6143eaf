"""Try as many mutants as wanted: `python -m tests.fuzz --count 1000000 --seed 1`."""

import argparse
import logging
import tempfile
import time
import warnings
from pathlib import Path

from medscience.ingest.fence import Fence
from tests.fuzz.judge import Pen, preflight, reading
from tests.fuzz.seeds import SEEDS

log = logging.getLogger(__name__)
EVERY = 30
"""One mutant of so many is read to its end, behind a fence."""


def attack(pen, run, number, fence):
    """Try one mutant; return whether it was refused."""
    with pen.put(run, number):
        if number % EVERY == 0:
            return fence.call(reading, str(pen.path))
        return preflight(pen.path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=SEEDS, action="append")
    options = parser.parse_args()
    warnings.simplefilter("error")  # as in the tests
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    names, failed = options.only or list(SEEDS), 0
    with tempfile.TemporaryDirectory() as folder, Fence(memory=512 << 20, seconds=20.0) as fence:
        for name in names:
            pen, refused, start = Pen(SEEDS[name], Path(folder) / name), 0, time.monotonic()
            for number in range(options.count // len(names)):
                try:
                    refused += attack(pen, f"{options.seed} {name}", number, fence)
                except Exception:
                    failed += 1
                    log.exception("%s, seed %s, number %s", name, options.seed, number)
            seconds = time.monotonic() - start
            log.info("%-12s %8d mutants, %8d refused, %6.0f s", name, number + 1, refused, seconds)
    return failed


if __name__ == "__main__":
    raise SystemExit(1 if main() else 0)
