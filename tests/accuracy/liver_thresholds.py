"""From what probability on liver and tumour are said: ``python -m tests.accuracy.liver_thresholds MODEL``.

A table of what pairs of thresholds reach on simulated abdomens of both styles that were neither learnt from
nor tested on. The pair with the best tumour Dice goes into the model file's `output.thresholds`.
"""

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch

from medscience.export.nifti import write_nifti
from medscience.image import Image, Meaning
from medscience.postprocess.liver import keep_liver
from medscience.steps.ingest import ingest
from medscience.steps.predict import predict
from medscience.store.images import open_image
from tests.accuracy.liver import Scores, case, say

CASES = [("usual", seed) for seed in range(29101, 29113)] + [("other", seed) for seed in range(49101, 49113)]
LIVER, TUMOUR = (0.3, 0.5), (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
CERTAIN = 255
"""A probability of 1 in a stored map."""


def answers(model: str, chosen: tuple[str, int]) -> list[np.ndarray]:
    """Return a model's probabilities of liver and tumour of an abdomen, 0 to `CERTAIN`."""
    torch.set_num_threads(1)
    made = case(*chosen)
    with tempfile.TemporaryDirectory() as folder:
        scan, store, labels = (Path(folder, name) for name in ("s.nii", "s.ome.zarr", "r.ome.zarr"))
        write_nifti(Image(made.image, Meaning(made.geometry)), scan, is_labels=False, form_code=1)
        ingest(scan, store, hounsfield=True)
        predict(store, model, labels, threads=1, keep=["1", "2"])
        maps = open_image(labels).maps
        return [maps[f"probability-{value}"].read((slice(None),) * 3) for value in (1, 2)]


def table(model: str) -> None:
    """Print what each pair reaches."""
    with ProcessPoolExecutor(2) as processes:
        seen = list(processes.map(partial(answers, model), CASES))
    truth = [case(*chosen) for chosen in CASES]
    for pair in product(LIVER, TUMOUR):
        scores = Scores()
        for made, probabilities in zip(truth, seen, strict=True):
            labels = np.zeros(made.labels.shape, np.uint8)
            for value, (least, probability) in enumerate(zip(pair, probabilities, strict=True), start=1):
                labels[probability >= least * CERTAIN] = value
            scores.add(made, keep_liver(labels).labels)
        liver, tumour, recall, false = (
            np.mean(values) for values in (scores.liver, scores.tumour, scores.lesions, scores.false)
        )
        say(
            f"liver from {pair[0]:g}, tumour from {pair[1]:g}: Dice {liver:.3f} and {tumour:.3f}, "
            f"recall {recall:.3f}, false lesions {false:.2f}"
        )


if __name__ == "__main__":
    table(sys.argv[1] if len(sys.argv) > 1 else "liver-small")
