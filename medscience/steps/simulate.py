"""Make data with known truth."""

import logging
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Contrast(Enum):
    """Weighting of a simulated scan."""

    T1 = "T1"
    T2 = "T2"


log = logging.getLogger(__name__)


def head(
    destination: Annotated[Path, typer.Argument(help="a folder")],
    seed: Annotated[int, typer.Option(min=0, help="number of the first head")] = 1,
    count: Annotated[int, typer.Option(min=1, help="how many heads")] = 1,
    contrast: Annotated[Contrast, typer.Option(help="weighting of the scan")] = Contrast.T1,
) -> None:
    """Write simulated heads with their true labels as NIfTI, and a sample sheet that names them."""
    from medscience.export.nifti import write_nifti
    from medscience.image import Image, Meaning
    from medscience.simulate.head import simulate_head
    from medscience.store.files import replaced

    rows = ["sample\ttrack\tsource\treference"]
    for number in range(seed, seed + count):
        made = simulate_head(number, contrast=contrast.value)
        paths = []
        for name, array in ((f"head-{number}", made.image), (f"head-{number}_labels", made.labels)):
            paths.append(destination / f"{name}.nii.gz")
            image = Image(array, Meaning(made.geometry))
            write_nifti(image, paths[-1], is_labels=array is made.labels, form_code=1)
        rows.append(f"head-{number}\tbrain_mri\t{paths[0]}\t{paths[1]}")
        log.info("wrote %s", paths[0])
    with replaced(destination / "samples.tsv") as temporary:
        temporary.write_text("\n".join(rows) + "\n", "utf-8")
