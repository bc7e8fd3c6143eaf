"""Simulated scans of chests to train on: `python -m tests.accuracy.chests FOLDER COUNT`.

People 1 to COUNT are learnt from, 101 chooses nothing and is measured only. What is there already stays.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from medscience.steps.ingest import ingest
from medscience.steps.reconstruct import reconstruct
from medscience.steps.simulate_thorax import thorax

VALIDATION = (101,)


def reconstructed(folder: Path, seed: int) -> list[str]:
    """Make a person's stores, and return the row of the training sheet."""
    base = folder / f"thorax-{seed}"
    names = ("image", "prior", "truth", "projections")
    image, prior, truth, projections = (folder / f"{base.name}-{name}.ome.zarr" for name in names)
    if not base.with_suffix(".mha").exists():
        thorax(folder, seed=seed)
    ingest(base.with_suffix(".mha"), projections, acquisition=base.with_suffix(".yaml"))
    ingest(base.with_name(f"{base.name}_truth.nii.gz"), truth)
    reconstruct(projections, image, prior, method="mckinnon-bates")
    split = "validation" if seed in VALIDATION else "train"
    return [base.name, str(image), str(prior), str(truth), str(seed), split]


def main(folder: Path, count: int) -> None:
    """Make all of them, two at a time, and the sheet."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(2) as pool:
        rows = list(pool.map(partial(reconstructed, folder), (*range(1, count + 1), *VALIDATION)))
    header = ["sample", "image", "prior", "truth", "patient", "split"]
    lines = ["\t".join(row) for row in (header, *rows)]
    (folder / "sheet.tsv").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
