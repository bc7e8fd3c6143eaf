"""Make data with known truth."""

import logging
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Weighting(Enum):
    """What a simulated scan shows bright."""

    T1 = "T1"
    T2 = "T2"
    RANDOM = "random"


log = logging.getLogger(__name__)


def head(
    destination: Annotated[Path, typer.Argument(help="a folder")],
    seed: Annotated[int, typer.Option(min=0, help="number of the first head")] = 1,
    count: Annotated[int, typer.Option(min=1, help="how many heads")] = 1,
    contrast: Annotated[Weighting, typer.Option(help="weighting of the scan")] = Weighting.T1,
    lesions: Annotated[int, typer.Option(min=0, help="stroke-like lesions in each head")] = 0,
) -> None:
    """Write simulated heads with their true labels as NIfTI, and a sample sheet that names them."""
    from medscience.export.nifti import write_nifti
    from medscience.image import Image, Meaning
    from medscience.simulate.head import simulate_head
    from medscience.store.files import write_whole
    from medscience.terminal.progress import shown

    rows = ["sample\ttrack\tsource\treference"]
    with shown("simulate heads") as tell:
        tell(0, count)
        for done, number in enumerate(range(seed, seed + count), start=1):
            made = simulate_head(number, contrast=contrast.value, lesions=lesions)
            paths = []
            for name, array in ((f"head-{number}", made.image), (f"head-{number}_labels", made.labels)):
                paths.append(destination / f"{name}.nii.gz")
                image = Image(array, Meaning(made.geometry))
                write_nifti(image, paths[-1], is_labels=array is made.labels, form_code=1)
            rows.append(f"head-{number}\tbrain_mri\t{paths[0]}\t{paths[1]}")
            log.info("wrote %s", paths[0])
            tell(done, count)
    write_whole(destination / "samples.tsv", "\n".join(rows) + "\n")
