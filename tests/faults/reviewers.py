"""Many people save verdicts at once, and are killed while they do: nothing is lost, nothing is there twice.

``python -m tests.faults.reviewers --writers 10 --saves 1000 --kills 200 --seed 0``; a fault ends it with a
traceback. A writer notes a save in a file of its own once it was acknowledged, and one that starts again goes
on with the first that was not: under the save_id that it had before.
"""

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from medscience.review.ledger import Ledger
from medscience.review.standing import standing
from medscience.review.verdict import Shown, Verdict

CASES = 100
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
FORK = multiprocessing.get_context("fork")


def verdict_of(writer, number):
    """The writer's verdict of that number: the same whenever it is asked for."""
    decision = ("accept", "reject")[writer % 2]
    return Verdict(
        save_id=uuid.uuid5(uuid.NAMESPACE_OID, f"{writer} {number}").hex,
        sample=f"case-{number % CASES}",
        model="net",
        decision=decision,
        reason=f"verdict {number}",
        reviewer=f"writer-{writer}",
        time=BEGAN,
        seconds=1.0,
        shown=Shown("a" * 64, "b" * 64, "c" * 64),
    )


def write(ledger, acknowledged, writer, saves):
    """Save what was not acknowledged yet."""
    first = acknowledged.read_bytes().count(b"\n") if acknowledged.exists() else 0
    with Ledger(ledger) as opened, acknowledged.open("ab", buffering=0) as file:
        for number in range(first, saves):
            started = time.perf_counter()
            entry = opened.save(verdict_of(writer, number))
            took = time.perf_counter() - started
            file.write(f"{entry.verdict.save_id} {entry.sequence} {took:.6f}\n".encode())


def disturbed(folder, writers, saves, kills, seed):
    """Let them write and kill them at random; return how often one was killed that was not done."""
    chance = random.Random(seed)
    ledger = folder / "corrections/ledger.db"

    def started(writer):
        process = FORK.Process(target=write, args=(ledger, folder / f"{writer}.txt", writer, saves))
        process.start()
        return process

    processes = {writer: started(writer) for writer in range(writers)}
    killed = 0
    while processes:
        time.sleep(chance.uniform(0.0, 0.2))
        for writer, process in list(processes.items()):
            if process.exitcode == 0:
                del processes[writer]
            elif process.exitcode is not None:
                assert process.exitcode == -signal.SIGKILL, f"writer {writer}: {process.exitcode}"
                processes[writer] = started(writer)
        if processes and killed < kills:
            victim = chance.choice(list(processes.values()))
            os.kill(victim.pid, signal.SIGKILL)
            victim.join()
            killed += victim.exitcode == -signal.SIGKILL
    return killed


def check(folder, writers, saves):
    """Hold the ledger against what was acknowledged; return the times that the saves took."""
    lines = [line.split() for n in range(writers) for line in (folder / f"{n}.txt").read_text().splitlines()]
    acknowledged = {save_id: int(sequence) for save_id, sequence, _ in lines}
    with Ledger(folder / "corrections/ledger.db") as ledger:
        entries = ledger.entries()
        assert ledger.verify() == len(entries)
    kept = {entry.verdict.save_id: entry.sequence for entry in entries}
    assert len(kept) == len(entries) == writers * saves, "a verdict is there twice, or never came"
    assert kept == acknowledged, "an acknowledged verdict is lost, or elsewhere"
    expected = {verdict_of(w, n).save_id: verdict_of(w, n) for w in range(writers) for n in range(saves)}
    assert all(entry.verdict == expected[entry.verdict.save_id] for entry in entries)
    for case in {entry.verdict.sample for entry in entries}:
        mine = [entry for entry in entries if entry.verdict.sample == case]
        newest = {entry.verdict.reviewer: entry for entry in mine}
        decisions = {entry.verdict.decision for entry in newest.values()}
        shown = standing(mine).conflict
        assert {entry.digest for entry in shown} == (
            {entry.digest for entry in newest.values()} if len(decisions) > 1 else set()
        ), f"{case}: not every version is shown"
    return sorted(float(took) for *_, took in lines)


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.faults.reviewers", description="Save and kill.")
    for name, default in (("writers", 10), ("saves", 1000), ("kills", 200), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        killed = disturbed(folder, options.writers, options.saves, options.kills, options.seed)
        times = check(folder, options.writers, options.saves)
    p95 = times[int(0.95 * len(times))]
    sys.stdout.write(
        f"{options.writers} writers, {len(times)} acknowledged saves, {killed} kills: 0 lost, 0 doubled, "
        f"every conflict shown with all versions; a save waited {1000 * p95:.0f} ms at most in 95 of 100\n"
    )
    assert killed >= options.kills, "they were done before all the kills"


if __name__ == "__main__":
    main()
