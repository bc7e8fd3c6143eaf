"""What is gained where background is copied instead of computed, on air of zeros and on noisy air."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from medscience.store.images import open_image
from tests.bench.rounds import ratio, rounds, run
from tests.bench.row import Row
from tests.bench.setting import Setting

MODELS = ("model20chan3cls", "model5_gw_ae")
EVERYTHING = (slice(None),) * 3


def background(setting: Setting) -> Iterator[Row]:
    """Compare each published model with itself: all of the scan computed, and what can be copied copied."""
    for name in MODELS:
        models = {"computed": setting.model(name), "copied": setting.model(name, skips=True)}
        for air, image in (("air of zeros", setting.scan), ("noisy air", setting.noisy)):
            sides = {
                side: partial(_stored, setting, image=image, model=model) for side, model in models.items()
            }
            found = rounds(setting.rounds, sides)
            what = f"{name}, background copied, {air}"
            yield Row(f"{what}: against computed", ratio(found["computed"], found["copied"]), "times faster")
            one, other = (_labels(found[side][-1].labels) for side in models)
            yield Row(f"{what}: voxels with another label", float((one != other).mean()), "of all", at_most=0)


def _stored(setting: Setting, **shared: object):
    return run("stored", setting.fresh(), **shared, threads=setting.threads, precision="auto")


def _labels(store: Path) -> np.ndarray:
    return open_image(store).image.read(EVERYTHING)
