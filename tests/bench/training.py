"""A step of training from stores against one by hand on tensors in memory, and how long it waits for data."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from medscience.export.nifti import write_nifti
from medscience.geometry import Geometry
from medscience.image import Image, Meaning
from medscience.simulate.head import simulate_head
from medscience.simulate.scanner import Protocol
from medscience.steps.ingest import ingest
from tests.bench.rounds import ratio, rounds, run, seconds
from tests.bench.row import Row
from tests.bench.setting import Setting

RECIPE = Path("config/recipes/head-tissues.yaml")
HEADS = 3
"""The demo's cohort."""
STEPS = 64


def training(setting: Setting) -> Iterator[Row]:
    """Compare them on the recipe without augmentation; the share is that of the recipe as it is."""
    sheet = _sheet(setting)
    plain = {"optimiser": {"name": "adamw"}, "augmentation": {}}
    shared = {"sheet": sheet, "threads": setting.threads}
    bare = _recipe(setting, "bare", plain)
    sides = {
        "ours": partial(run, "learned", **shared, recipe=bare),
        "by hand": partial(run, "by_hand", **shared, recipe=bare),
    }
    found = rounds(setting.rounds, sides)
    yield Row("training, a step from stores", seconds(found["ours"]), "s")
    yield Row("training, a step by hand on tensors in memory", seconds(found["by hand"]), "s")
    cost = ratio(found["ours"], found["by hand"])
    yield Row("training, from stores against by hand", cost, "of its time", at_most=1.05)
    whole = run("learned", **shared, recipe=_recipe(setting, "whole", {}))
    yield Row("training as the recipe says, a step", whole.seconds, "s")
    yield Row("training, waiting for data", whole.found["data_share"], "of a step", at_most=0.10)


def _recipe(setting: Setting, name: str, change: dict[str, Any]) -> Path:
    content = yaml.safe_load(RECIPE.read_text("utf-8"))
    content["training"] |= change | {"validate_every": 10**6, "save_every": 10**6}
    stage = content["training"]["stages"][0]
    stage["steps"] = STEPS
    stage["patch"] = [min(side, setting.size // 2) for side in stage["patch"]]
    path = setting.folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    return path


def _ingested(name: Path, array: NDArray[np.uint8], geometry: Geometry) -> Path:
    scan, store = name.with_suffix(".nii"), name.with_suffix(".ome.zarr")
    labels = name.name.endswith("-labels")
    write_nifti(Image(array, Meaning(geometry)), scan, is_labels=labels, form_code=1)
    ingest(scan, store, labels=labels)
    return store


def _sheet(setting: Setting) -> Path:
    """Write a sheet of simulated heads of 1 mm."""
    rows = ["sample\timage\tlabels\tpatient\tsplit"]
    shape = (min(setting.size, 192), min(setting.size, 224), min(setting.size, 176))
    for seed in range(1, HEADS + 1):
        head = simulate_head(seed, Protocol(shape, (1.0, 1.0, 1.0)))
        stores = [
            _ingested(setting.folder / f"head{seed}{kind}", array, head.geometry)
            for kind, array in (("", head.image), ("-labels", head.labels))
        ]
        rows.append("\t".join([f"h{seed}", *map(str, stores), f"h{seed}", "train"]))
    path = setting.folder / "training.tsv"
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path
