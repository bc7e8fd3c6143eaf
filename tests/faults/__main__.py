"""The long run: more random kills than CI does, and 10,000 flipped bits before a whole ``medscience verify``.

``python -m tests.faults --kills 200 --flips 10000 --seed 0``; a fault ends it with a traceback.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from medscience.store.images import open_image
from medscience.store.verify import verify
from tests.faults.conftest import Zygote
from tests.faults.flips import bits, checks, flipped, stored
from tests.faults.tasks import store_in
from tests.faults.test_calls import kill_at_random


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Kill and flip.")
    for name, default in (("kills", 200), ("flips", 10_000), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kills(Path(folder), options.kills, options.seed)
        flips(Path(folder), options.flips, options.seed)


def kills(folder, count, seed):
    zygote = Zygote()
    with zygote.process:
        assert zygote.do("large", folder / "once")["code"] == 0
        digest = open_image(store_in(folder / "once")).commit.digest
        kill_at_random(zygote, digest, folder, count, seed)
        zygote.process.stdin.close()
    sys.stdout.write(f"{count} kills at random moments: 0 accepted but incomplete\n")


def flips(folder, count, seed):
    place = folder / "flips"
    store, _, model = stored(place)
    missed = 0
    for file, bit in bits(checks(store, model), count, seed):
        with flipped(file, bit):
            missed += [fault.file for fault in verify(place)] != [str(file)]
    sys.stdout.write(f"{count} flipped bits: {missed} missed by verify\n")
    assert missed == 0


if __name__ == "__main__":
    main()
