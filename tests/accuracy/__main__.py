"""How well the demo's network does: on simulated heads that it never saw, and beside a published model.

``make demo-accuracy`` prints the numbers that stand under `accuracy` in its model file. The heads are those
of `SEEDS`, half T1 and half T2 by tissue physics; training drew its contrasts without physics, from other
seeds. Beside the network stands what brightness alone can tell: 3-means inside the true brain.
"""

import hashlib
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from itertools import permutations
from pathlib import Path

import numpy as np
from scipy.cluster.vq import kmeans2

from medscience.export.nifti import write_nifti
from medscience.image import Image, Meaning
from medscience.simulate.head import LABELS, simulate_head
from medscience.steps.ingest import ingest
from medscience.steps.postprocess import postprocess
from medscience.steps.predict import predict
from medscience.store.images import open_image

SEEDS = range(3001, 3021)
TISSUES = tuple(LABELS)[1:]
MODEL = sys.argv[1] if len(sys.argv) > 1 else "demo-head"
SCAN = Path(os.environ.get("MEDSCIENCE_SAMPLES", "../shared/data"), "t1/t1_crop.nii.gz")


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def found_in(scan: Path, folder: Path) -> np.ndarray:
    """Return the model's labels of a NIfTI scan, on its own grid, shape (Z, Y, X)."""
    ingest(scan, folder / "scan.ome.zarr")
    predict(folder / "scan.ome.zarr", MODEL, folder / "raw.ome.zarr", threads=1)
    postprocess(folder / "raw.ome.zarr", MODEL, folder / "labels.ome.zarr", folder / "scan.ome.zarr")
    return open_image(folder / "labels.ome.zarr").image.read((slice(None),) * 3)


def dices(found, truth, labels=TISSUES):
    """Return the Dice of each label."""
    sizes = [(found == n).sum() + (truth == n).sum() for n in labels]
    return [2 * ((found == n) & (truth == n)).sum() / size for n, size in zip(labels, sizes, strict=True)]


def by_brightness(image, truth):
    """Return the Dice of the best naming of three classes of brightness inside the true brain."""
    values, truth = image[truth > 0].astype(float), truth[truth > 0]
    _, classes = kmeans2(values, np.quantile(values, [0.1, 0.5, 0.9]), minit="matrix")
    return max((dices(np.array(names)[classes], truth) for names in permutations(TISSUES)), key=sum)


def score(seed: int):
    """Return a head's contrast, its digest, and the Dice of the network and of brightness alone."""
    contrast = "T2" if seed % 2 else "T1"
    head = simulate_head(seed, contrast=contrast)
    digest = hashlib.sha256(head.image.tobytes() + head.labels.tobytes()).hexdigest()
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder, "scan.nii")
        write_nifti(Image(head.image, Meaning(head.geometry)), scan, is_labels=False, form_code=1)
        found = found_in(scan, Path(folder))
    return contrast, digest, dices(found, head.labels), by_brightness(head.image, head.labels)


def beside_the_published_model() -> None:
    """Print the Dice on the real T1 against the labels of model20chan3cls, which knows no fluid."""
    with tempfile.TemporaryDirectory() as folder:
        found = found_in(SCAN, Path(folder))
        ingest(SCAN.with_name("model20chan3cls_labels.nii.gz"), Path(folder, "p.ome.zarr"), labels=True)
        published = open_image(Path(folder, "p.ome.zarr")).image.read((slice(None),) * 3)
    for label, dice in zip((1, 2), dices(found, published, (1, 2)), strict=True):
        say(f"real T1 against model20chan3cls: {LABELS[label]} {dice:.3f}")


if __name__ == "__main__":
    with ProcessPoolExecutor(2) as pool:
        scores = list(pool.map(score, SEEDS))
    together = hashlib.sha256("".join(digest for _, digest, _, _ in scores).encode()).hexdigest()
    say(f"digest of the test set: {together}")
    for contrast in ("T1", "T2", "all"):
        for column, who in ((2, "network"), (3, "3-means in the true brain")):
            rows = np.array([row[column] for row in scores if contrast in {row[0], "all"}])
            for label, mine in zip(TISSUES, rows.T, strict=True):
                say(f"{contrast}, {who}: {LABELS[label]} mean {mine.mean():.3f}, least {mine.min():.3f}")
    beside_the_published_model()
