"""Small images with labels as committed stores, a sheet of them, and a tiny network's recipe."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from medscience.export.nifti import write_nifti
from medscience.geometry import Geometry
from medscience.image import Image, Meaning
from medscience.steps.ingest import ingest
from tests.conftest import REPOSITORY

SHAPE = (34, 33, 32)
AFFINE = ((0, 0, -1, 40), (0, 1, 0, -20), (1, 0, 0, 5), (0, 0, 0, 1))  # z to S, y to A, x to L
COLUMNS = ("sample", "image", "labels", "weight", "patient", "split")
SPLITS = ("train", "train", "validation", "test")

DESIGN = {
    "name": "tiny",
    "description": "a tiny network for tests",
    "authors": [{"name": "nobody"}],
    "license": "Apache-2.0",
    "track": "brain_mri",
    "network": {
        "name": "meshnet",
        "arguments": {"channels": 4, "classes": 3, "dilations": [1, 2], "activation": "relu"},
    },
    "input": {"modality": "T1", "axes": "LIA", "spacing": [1, 1, 1], "normalize": "quantile-2-98-clip"},
    "output": {
        "labels": [
            {"value": n, "name": name, "color": [n, n, n]}
            for n, name in enumerate(("nothing", "dim", "bright"))
        ]
    },
    "postprocess": {"keep": "everything"},
}
TRAINING = {
    "stages": [
        {"sampling": "class-balanced", "patch": [16, 16, 16], "steps": 8, "batch": 2, "learning_rate": 0.02}
    ],
    "loss": {"class_weights": [1.0, 1.0, 1.0]},
    "optimiser": {"name": "adamw"},
    "validate_every": 4,
    "save_every": 2,
    "seed": 3,
}


def blobs(seed, shape=SHAPE):
    """Dim and bright cubes on noise, and which is which."""
    random = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint8)
    for n, corner in enumerate(random.integers(2, 22, (8, 3))):
        labels[tuple(slice(c, c + 8) for c in corner)] = 1 + n % 2
    image = np.clip(40 + 60 * labels + 8 * random.standard_normal(shape), 0, 255)
    return image.astype(np.uint8), labels


def store(folder, name, array, labels=False, affine=AFFINE):
    """Ingest an array (Z, Y, X), and return its store."""
    image = Image(array, Meaning(Geometry(array.shape, affine)))
    write_nifti(image, folder / f"{name}.nii", is_labels=labels, form_code=1)
    ingest(folder / f"{name}.nii", folder / f"{name}.ome.zarr", labels=labels)
    return folder / f"{name}.ome.zarr"


def write_sheet(path, rows):
    lines = ["\t".join(COLUMNS), *("\t".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_design(path, training=None, **change):
    """Write the tiny network's recipe, some of its keys changed."""
    recipe = TRAINING | (training or {})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(DESIGN | change | {"training": recipe}, sort_keys=False))
    return path


@pytest.fixture(scope="session")
def cohort(tmp_path_factory) -> Path:
    """A folder with the sheet of four samples, and their stores; nobody changes it."""
    folder = tmp_path_factory.mktemp("cohort")
    rows = []
    for n, split in enumerate(SPLITS):
        image, labels = blobs(n)
        pair = store(folder, f"s{n}", image), store(folder, f"s{n}-labels", labels, labels=True)
        rows.append((f"s{n}", *pair, 1, f"p{n}", split))
    write_sheet(folder / "sheet.tsv", rows)
    return folder


@pytest.fixture
def content():
    """The shipped recipe with a tiny network and few frames."""
    made = yaml.safe_load((REPOSITORY / "config/recipes/fringe.yaml").read_text())
    made["network"]["arguments"] = {"widths": [8, 8, 8, 8], "depths": [1, 1, 1], "neck": 8, "counts": 16}
    recipe = made["training"]
    recipe["stages"] = [{"steps": 4, "batch": 2, "learning_rate": 0.01}]
    recipe["frames"] |= {"validation_count": 4, "calibration_count": 4}
    recipe |= {"validate_every": 2, "save_every": 2}
    return made
