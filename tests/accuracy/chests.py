"""Simulated scans of chests to train on: `python -m tests.accuracy.chests FOLDER COUNT [MODEL]`.

People 1 to COUNT are learnt from; on 101 things are chosen, such as how many rounds. What is there already
stays. With a model, their phases are restored by it and reconstructed again, as often as it wants;
``rounds.tsv`` has the phases of all rounds to learn from, and those of the last to be measured.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from medscience.description import find_model
from medscience.restoration import rounds_for
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


def rounds(folder: Path, model: str, row: list[str]) -> list[list[str]]:
    """Make the phases of a person's further rounds, each from the round before; return the rows of all."""
    sample, image, prior, *rest = row
    projections, seen, rows = folder / f"{sample}-projections.ome.zarr", Path(image), [row]
    for number in range(2, rounds_for(find_model(model)) + 1):
        restored, again = (folder / f"{sample}-{kind}-{number}.ome.zarr" for kind in ("restored", "again"))
        predict(seen, model, restored, prior=Path(prior), threads=1)
        reconstruct(projections, again, Path(prior), method="mckinnon-bates", again=restored, threads=1)
        seen = again
        rows.append([f"{sample}-{number}", str(again), prior, *rest])
    return rows


def kept(found: list[list[str]]) -> list[list[str]]:
    """Return all rounds of a person that is learnt from, and the last of one that is measured."""
    return found if found[0][-1] == "train" else found[-1:]


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
            every = list(pool.map(partial(rounds, folder, model), rows))
            write(folder / "rounds.tsv", [row for found in every for row in kept(found)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
