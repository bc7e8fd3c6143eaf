"""The verb `simulate abdomen`: CT-like abdomens with the liver and its lesions known."""

import logging
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Style(Enum):
    """From which ranges bodies, lesions and noise are drawn."""

    USUAL = "usual"
    OTHER = "other"


class ContrastPhase(Enum):
    """When the scan was taken after contrast agent was given."""

    ANY = "any"
    NATIVE = "native"
    ARTERIAL = "arterial"
    PORTAL = "portal"
    DELAYED = "delayed"


log = logging.getLogger(__name__)


def abdomen(
    destination: Annotated[Path, typer.Argument(help="a folder")],
    seed: Annotated[int, typer.Option(min=0, help="number of the first abdomen")] = 1,
    count: Annotated[int, typer.Option(min=1, help="how many abdomens")] = 1,
    style: Annotated[
        Style, typer.Option(help="other: shapes, lesions and noise of other ranges, to test with")
    ] = Style.USUAL,
    phase: Annotated[ContrastPhase, typer.Option(help="of the contrast agent")] = ContrastPhase.ANY,
    lesions: Annotated[int | None, typer.Option(min=0, max=50, help="default: 0 to 8, drawn")] = None,
    size: Annotated[int, typer.Option(min=32, max=1024, help="pixels along a slice's sides")] = 256,
    thickness: Annotated[
        float | None, typer.Option(min=0.5, max=10, help="of the slices, in mm; default: 0.7 to 5, drawn")
    ] = None,
) -> None:
    """Write simulated CT of the abdomen with true labels as NIfTI, and a sample sheet that names them."""
    from medscience.export.nifti import write_nifti
    from medscience.image import Image, Meaning
    from medscience.simulate.abdomen.abdomen import drawn_scan, simulate_abdomen
    from medscience.store.files import write_whole
    from medscience.terminal.progress import shown

    drawn = None if phase is ContrastPhase.ANY else phase.value
    rows = ["sample\ttrack\tsource\treference"]
    with shown("simulate abdomens") as tell:
        tell(0, count)
        for done, number in enumerate(range(seed, seed + count), start=1):
            scan = drawn_scan(number, style.value, size, thickness)
            made = simulate_abdomen(number, scan, style=style.value, phase=drawn, lesions=lesions)
            name = f"abdomen-{number}"
            paths = destination / f"{name}.nii.gz", destination / f"{name}_labels.nii.gz"
            meaning = Meaning(made.geometry)
            write_nifti(Image(made.image, meaning), paths[0], is_labels=False, form_code=1)
            write_nifti(Image(made.labels, meaning), paths[1], is_labels=True, form_code=1)
            rows.append(f"{name}\tliver_ct\t{paths[0]}\t{paths[1]}")
            log.info("wrote %s: %s phase, %d lesions", paths[0], made.phase, len(made.lesions))
            tell(done, count)
    write_whole(destination / "samples.tsv", "\n".join(rows) + "\n")
