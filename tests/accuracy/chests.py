"""Simulated scans of chests to train on: `python -m tests.accuracy.chests FOLDER COUNT [MODEL]`.

People 1 to COUNT are learnt from, 101 chooses nothing and is measured only. What is there already stays. With
a model for the first round, their phases are restored by it and reconstructed again; ``twice.tsv`` has the
phases of both rounds.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from medscience.steps.ingest import ingest
from medscience.steps.predict import predict
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


def again(folder: Path, model: str, row: list[str]) -> list[str]:
    """Make the phases of a person's second round, and return their row."""
    sample, image, prior, *rest = row
    first, second, projections = (
        folder / f"{sample}-{name}.ome.zarr" for name in ("first", "again", "projections")
    )
    predict(Path(image), model, first, prior=Path(prior), threads=1)
    reconstruct(projections, second, Path(prior), method="mckinnon-bates", again=first, threads=1)
    return [f"{sample}-again", str(second), prior, *rest]


def write(sheet: Path, rows: list[list[str]]) -> None:
    """Write a sheet to train on."""
    header = ["sample", "image", "prior", "truth", "patient", "split"]
    sheet.write_text("\n".join("\t".join(row) for row in (header, *rows)) + "\n", "utf-8")


def main(folder: Path, count: int, model: str | None = None) -> None:
    """Make all of them, two at a time, and the sheets."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(2) as pool:
        rows = list(pool.map(partial(reconstructed, folder), (*range(1, count + 1), *VALIDATION)))
        write(folder / "sheet.tsv", rows)
        if model:
            second = list(pool.map(partial(again, folder, model), rows))
            write(folder / "twice.tsv", [row for row in rows if row[-1] == "train"] + second)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
