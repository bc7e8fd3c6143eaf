"""Many classes: logits of all of them would be 7 GB, and are never there at once.

PyTorch itself may crash on them: then the plain module's answer is that of its last layer slab by slab.
"""

import subprocess
from collections.abc import Iterator

from medscience.store.images import open_image
from tests.bench.agreement import agreement
from tests.bench.rounds import Run, peak, run
from tests.bench.row import Row
from tests.bench.setting import Setting

MODEL = "model21_104class"


def classes(setting: Setting) -> Iterator[Row]:
    """Measure the peak of 104 classes under the default promise, and agreement with the plain module."""
    ours = setting.ours(MODEL)
    yield Row(f"{MODEL}, ours: peak", peak([ours]), "GiB", at_most=3)
    yield Row(f"{MODEL}, ours: time", ours.seconds, "s")
    yield Row(f"{MODEL}, ours: blocks", open_image(ours.labels).commit.record["plan"]["blocks"], "")
    what, plain = _plain(setting)
    yield Row(f"{MODEL}, {what}: peak", peak([plain]), "GiB")
    yield Row(f"{MODEL}, {what}: time", plain.seconds, "s")
    same = agreement(f"{MODEL}, ours", setting, MODEL, ours.labels)
    yield Row(f"{MODEL}, ours: worst label", min(row.reached for row in same[:-1]), "Dice")
    yield same[-1]


def _plain(setting: Setting) -> tuple[str, Run]:
    """Run the plain module, if need be with its last layer in slabs, and say which."""
    try:
        return "plain", setting.plain(MODEL)
    except subprocess.CalledProcessError as fault:
        if fault.returncode >= 0:  # not killed by a signal: a mistake of ours
            raise
        labels = setting.folder / f"{MODEL}.npy"
        return "plain, last layer in slabs (whole, it crashes)", run(
            "slabbed", labels, **setting.shared(MODEL)
        )
