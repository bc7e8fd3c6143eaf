"""The abdomens that liver-small was trained on, and their sheet: ``make liver-model`` begins with them."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from medscience.export.nifti import write_nifti
from medscience.image import Image, Meaning
from medscience.simulate.abdomen.abdomen import drawn_scan, simulate_abdomen
from medscience.steps.ingest import ingest
from medscience.store.commit import commit_path

FOLDER = Path("results/abdomens")
SIZE = 128
SEEDS = {
    ("train", 5.0): range(20001, 20101),
    ("train", 4.0): range(20101, 20201),
    ("train", 3.0): range(20201, 20301),
    ("train", 2.5): range(20301, 20401),
    ("validation", 5.0): range(29001, 29004),
    ("validation", 2.5): range(29004, 29007),
}
"""By what they are for, and the thickness of their slices in mm."""


def made(seed: int, thickness: float) -> tuple[Path, Path]:
    """Simulate an abdomen and ingest it with its truth, unless it is there; return its two stores."""
    stores = FOLDER / f"abdomen-{seed}.ome.zarr", FOLDER / f"abdomen-{seed}-labels.ome.zarr"
    if all(commit_path(store).exists() for store in stores):
        return stores
    case = simulate_abdomen(seed, drawn_scan(seed, "usual", SIZE, thickness))
    for store, array in zip(stores, (case.image, case.labels), strict=True):
        scan = store.with_name(store.name.replace(".ome.zarr", ".nii"))
        is_labels = store == stores[1]
        write_nifti(Image(array, Meaning(case.geometry)), scan, is_labels=is_labels, form_code=1)
        ingest(scan, store, labels=is_labels)
        scan.unlink()
    return stores


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    jobs = [(split, thickness, seed) for (split, thickness), seeds in SEEDS.items() for seed in seeds]
    with ProcessPoolExecutor(2) as pool:
        pairs = list(pool.map(made, [job[2] for job in jobs], [job[1] for job in jobs]))
    rows = ["sample\timage\tlabels\tpatient\tsplit"]
    for (split, _, seed), (image, labels) in zip(jobs, pairs, strict=True):
        rows.append(f"abdomen-{seed}\t{image}\t{labels}\tabdomen-{seed}\t{split}")
    (FOLDER / "sheet.tsv").write_text("\n".join(rows) + "\n")
