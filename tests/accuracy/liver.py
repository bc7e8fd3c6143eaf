"""How well a network of livers and tumours does on simulated abdomens that it never saw.

``make liver-accuracy``. Of the two test sets, whose seeds are none of the training's, ``usual`` has shapes
and noise of the ranges that networks are trained on, ``other`` of other ranges. Their digests were written
down before the training of liver-small ended, and before anything was measured on them. Beside the network
stands what brightness alone can tell, by the best window of each case, chosen with the truth at hand. The
last lines are of a real scan, beside another program's labels.
"""

import argparse
import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import ndimage

from medscience.export.nifti import write_nifti
from medscience.image import Image, Meaning
from medscience.measure.statistics import bootstrap
from medscience.simulate.abdomen.abdomen import Abdomen, drawn_scan, simulate_abdomen
from medscience.steps.ingest import ingest
from medscience.steps.postprocess import postprocess
from medscience.steps.predict import predict
from medscience.store.images import open_image

SETS = {"usual": range(33001, 33013), "other": range(43001, 43025)}
SIZE = 128
THICKNESSES = (3.0, 4.0, 5.0)
"""Of slices, in mm, one after the other."""
DIGESTS = {
    "usual": "8847f6d6a2ab1a1f1f8050bdcddc155872b47d7d26aff26b44639e85c64f11a2",
    "other": "16626a1ce542d24c79f50b8e0a06cd0551efca718a797dcec0a8238397657f78",
}
LEAST_MM = 5.0
"""Diameter of a ball as large as a lesion, from which lesions count."""
SAMPLES = Path(os.environ.get("MEDSCIENCE_SAMPLES", "../shared/data"))
THEIR_LIVER = 5
"""Number of the liver in the labels beside the real scan."""


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def case(name: str, seed: int) -> Abdomen:
    """Return an abdomen of a test set."""
    thickness = THICKNESSES[seed % len(THICKNESSES)]
    return simulate_abdomen(seed, drawn_scan(seed, name, SIZE, thickness), style=name)


def digest(made: Abdomen) -> str:
    """Return the digest of an abdomen and its truth."""
    return hashlib.sha256(made.image.tobytes() + made.labels.tobytes()).hexdigest()


def found_in(scan: Path, model: str, folder: Path) -> np.ndarray:
    """Return a model's labels of a scan on its own grid, shape (Z, Y, X)."""
    ingest(scan, folder / "scan.ome.zarr", hounsfield=True)
    predict(folder / "scan.ome.zarr", model, folder / "raw.ome.zarr", threads=1)
    postprocess(folder / "raw.ome.zarr", model, folder / "labels.ome.zarr")
    return read(folder / "labels.ome.zarr")


def read(store: Path) -> np.ndarray:
    """Return all of a store's array."""
    return open_image(store).image.read((slice(None),) * 3)


def answer(made: Abdomen, model: str) -> np.ndarray:
    """Return a model's labels of a simulated scan."""
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder, "scan.nii")
        write_nifti(Image(made.image, Meaning(made.geometry)), scan, is_labels=False, form_code=1)
        return found_in(scan, model, Path(folder))


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Return the Dice of two masks, at least one of which is not empty."""
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def best_window(values: np.ndarray, liver: np.ndarray) -> tuple[int, int]:
    """Return the window, in steps of 5 Hounsfield units, whose voxels have the best Dice with the liver."""
    edges = np.arange(-50, 301, 5)
    inside, everywhere = (np.histogram(part, edges)[0].cumsum() for part in (values[liver], values))
    pairs = [(i, j) for i in range(len(edges) - 2) for j in range(i + 1, len(edges) - 1)]
    i, j = max(
        pairs,
        key=lambda p: (inside[p[1]] - inside[p[0]]) / (everywhere[p[1]] - everywhere[p[0]] + liver.sum()),
    )
    return int(edges[i + 1]), int(edges[j + 1])


def by_brightness(made: Abdomen) -> tuple[float, float]:
    """Return the liver's Dice of the best window, and of its largest piece after an opening."""
    liver = made.labels > 0
    smooth = ndimage.gaussian_filter(made.image.astype(np.float32), [1.5 / s for s in made.geometry.spacing])
    low, high = best_window(smooth, liver)
    within = (smooth >= low) & (smooth < high)
    pieces, count = ndimage.label(ndimage.binary_opening(within, np.ones((1, 3, 3))))
    largest = pieces == 1 + np.bincount(pieces.ravel())[1:].argmax() if count else within
    return dice(within, liver), dice(largest, liver)


def lesions_hit(truth: np.ndarray, found: np.ndarray, voxel_mm3: float) -> list[float]:
    """Return for each true lesion that is large enough whether any of it was found."""
    pieces, count = ndimage.label(truth, np.ones((3, 3, 3)))
    least = np.pi / 6 * LEAST_MM**3 / voxel_mm3
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    touched = set(np.unique(pieces[found]).tolist())
    return [float(n in touched) for n in range(1, count + 1) if sizes[n] >= least]


def false_lesions(truth: np.ndarray, found: np.ndarray) -> int:
    """Return the number of pieces found that touch no true lesion."""
    pieces, count = ndimage.label(found, np.ones((3, 3, 3)))
    return count - len(set(np.unique(pieces[truth]).tolist()) - {0})


@dataclass
class Scores:
    """What was reached on each case, or on each lesion."""

    liver: list[float] = field(default_factory=list)
    tumour: list[float] = field(default_factory=list)
    lesions: list[float] = field(default_factory=list)
    false: list[float] = field(default_factory=list)
    false_where_none: list[float] = field(default_factory=list)
    window: list[float] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)

    def add(self, made: Abdomen, found: np.ndarray) -> None:
        """Count a case."""
        liver, tumour = made.labels > 0, made.labels == 2
        self.liver.append(dice(found > 0, liver))
        self.false.append(float(false_lesions(tumour, found == 2)))
        if tumour.any():
            self.tumour.append(dice(found == 2, tumour))
            self.lesions += lesions_hit(tumour, found == 2, float(np.prod(made.geometry.spacing)))
        else:
            self.false_where_none.append(float((found == 2).any()))


def report(name: str, model: str) -> None:
    """Print what a model reaches on a test set."""
    scores, known = Scores(), hashlib.sha256()
    for seed in SETS[name]:
        made = case(name, seed)
        known.update(digest(made).encode())
        scores.add(made, answer(made, model))
        window, opened = by_brightness(made)
        scores.window.append(window)
        scores.opened.append(opened)
        tumour = scores.tumour[-1] if (made.labels == 2).any() else None
        say(
            f"{name} {seed}, {made.phase}: liver {scores.liver[-1]:.3f}, tumour {tumour}, window {window:.3f}"
        )
    if known.hexdigest() != DIGESTS[name]:
        say(f"{name}: digest {known.hexdigest()}, not {DIGESTS[name]}: other scans than were frozen")
    rows = {
        "liver Dice": scores.liver,
        "tumour Dice of cases that have some": scores.tumour,
        f"recall at IoU > 0, lesions of {LEAST_MM:g} mm and more": scores.lesions,
        "false lesions in a case": scores.false,
        "cases without lesions in which some are found": scores.false_where_none,
        "liver Dice of the best window of brightness": scores.window,
        "and of its largest piece after an opening": scores.opened,
    }
    for what, values in rows.items():
        if values:
            say(f"{name}: {what}: {bootstrap(values)} of {len(values)}")


def on_the_real_scan(model: str) -> None:
    """Print the liver's Dice on the real CT against the labels beside it."""
    with tempfile.TemporaryDirectory() as folder:
        found = found_in(SAMPLES / "ct/dicom", model, Path(folder))
        theirs = SAMPLES / "ct/dicom_reference_labels.nii.gz"
        ingest(theirs, Path(folder, "theirs.ome.zarr"), labels=True)
        mine, other = (
            open_image(Path(folder, "scan.ome.zarr")).image,
            open_image(Path(folder, "theirs.ome.zarr")),
        )
        turn = other.image.geometry.reorientation(mine.geometry.orientation)
        liver = other.image.turned(turn).read((slice(None),) * 3) == THEIR_LIVER
    say(f"real CT, liver Dice against the other program's labels: {dice(found > 0, liver):.3f}")
    say(f"real CT, voxels called tumour: {int((found == 2).sum())} of {int((found > 0).sum())}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.liver")
    parser.add_argument("model", nargs="?", default="liver-small")
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--freeze", action="store_true", help="print digests only")
    options = parser.parse_args()
    for name in options.sets:
        if options.freeze:
            known = hashlib.sha256("".join(digest(case(name, seed)) for seed in SETS[name]).encode())
            say(f"{name}: {known.hexdigest()}")
        else:
            report(name, options.model)
    if not options.freeze:
        on_the_real_scan(options.model)
