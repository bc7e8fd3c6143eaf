"""The verbs `simulate thorax` and `simulate breathe`: scans of a chest that breathes, with the truth."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from medscience.geometry import Geometry, Sizes
    from medscience.simulate.thorax.person import Person
    from medscience.simulate.thorax.scan import Exposure, Scan
    from medscience.views import Views

log = logging.getLogger(__name__)

SOURCE, DETECTOR, SHIFT = 1000.0, 1500.0, 148.0
"""Millimetres from the source to isocentre and detector, and by which that is shifted: a half-fan."""
PANEL = (304.0, 400.0)
"""Sides of the detector, mm along (v, u)."""
FIELD = (160.0, 288.0, 384.0)
"""What every view sees of the body, mm along (z, y, x); the truth's box."""
TALL = 256.0
"""Height of what rays pass on their way to it, mm."""
WATER = 0.0206
"""Attenuation at about 60 keV, 1/mm."""
PHASES = 10

Voxel = Annotated[float, typer.Option(min=1.0, max=8.0, help="of the body and the truth; pixels too, mm")]
Views_ = Annotated[int, typer.Option("--views", min=60, max=5000, help="projections in one turn")]
Seconds = Annotated[float, typer.Option(min=10, max=600, help="that the turn takes")]
Photons = Annotated[float, typer.Option(min=100, max=60000, help="counted in a pixel through air")]
Scatter = Annotated[
    float, typer.Option(min=0, max=1, help="part of what the body takes that is scattered in")
]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a scan is made."""

    voxel: float
    views: int
    seconds: float
    photons: float
    scatter: float

    def shape(self, height: float = TALL) -> "Sizes":
        """Return the voxels of a box as wide as the field: multiples of 8, as networks like them."""
        z, y, x = (max(8 * round(side / self.voxel / 8), 8) for side in (height, *FIELD[1:]))
        return z, y, x


def thorax(
    destination: Annotated[Path, typer.Argument(help="a folder")],
    seed: Annotated[int, typer.Option(min=0, help="number of the first person")] = 1,
    count: Annotated[int, typer.Option(min=1, help="how many people")] = 1,
    voxel: Voxel = 4.0,
    views: Views_ = 680,
    seconds: Seconds = 60.0,
    photons: Photons = 50_000.0,
    scatter: Scatter = 0.004,
) -> None:
    """Write cone-beam scans of simulated people who breathe, the truth of ten phases, and a sample sheet."""
    from medscience.simulate.thorax.person import simulate_person

    how = Settings(voxel, views, seconds, photons, scatter)
    names = []
    for number in range(seed, seed + count):
        person = simulate_person(number, how.shape(), voxel, seconds)
        names.append(f"thorax-{number}")
        _write_scan(destination / names[-1], person, how, number)
    _write_sheet(destination, names)


def breathe(
    image: Annotated[
        Path, typer.Argument(help="the store of a CT that shows the lungs, in Hounsfield units")
    ],
    destination: Annotated[Path, typer.Argument(help="a folder")],
    seed: Annotated[int, typer.Option(min=0, help="chooses breathing, tumour and noise")] = 1,
    voxel: Voxel = 4.0,
    views: Views_ = 680,
    seconds: Seconds = 60.0,
    photons: Photons = 50_000.0,
    scatter: Scatter = 0.004,
) -> None:
    """Have a real CT breathe: write its cone-beam scan, the truth of ten phases, and a sample sheet."""
    from medscience.errors import about
    from medscience.simulate.thorax.person import breathing
    from medscience.simulate.thorax.real import anatomy_of
    from medscience.store.images import open_image

    how = Settings(voxel, views, seconds, photons, scatter)
    stored = open_image(image)
    with about(stored.path):
        anatomy = anatomy_of(stored.volume("breathing"), seed, how.shape(), voxel)
        person = breathing(anatomy, seed, seconds)
    name = f"{stored.name}-breathing-{seed}"
    _write_scan(destination / name, person, how, seed)
    _write_sheet(destination, [name])


def _write_scan(base: Path, person: "Person", how: Settings, seed: int) -> None:
    """Scan a person, and write what a scanner would, and the truth."""
    import numpy as np

    from medscience.export.metaimage import write_stack
    from medscience.ingest.rtk_geometry import write_geometry
    from medscience.reconstruct.project import detector_grid
    from medscience.simulate.thorax.scan import Exposure, gantry, simulate_scan
    from medscience.terminal.progress import shown
    from medscience.views import Views

    base.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(how.views) * how.seconds / how.views
    views = Views.circle(gantry(seed, how.views), SOURCE, DETECTOR, detector_u=SHIFT)
    v, u = (round(side / how.voxel) for side in PANEL)
    detector = detector_grid((v, u), (how.voxel, how.voxel))
    project = _projector(person.anatomy.geometry, views, detector)
    exposure = Exposure(how.photons, how.scatter, how.voxel)
    with shown(f"scan {base.name}") as tell:
        scan = simulate_scan(person, times, project, exposure, seed, PHASES, tell)
    write_stack(scan.counts, detector, base.with_suffix(".mha"))
    write_geometry(base.with_suffix(".xml"), views)
    _write_breathing(base, person, times)
    _write_acquisition(base, exposure, how)
    _write_truth(base, person, how, scan)
    log.info("wrote %s", base.with_suffix(".mha"))


def _projector(
    grid: "Geometry", views: "Views", detector: "Geometry"
) -> "Callable[[NDArray[np.float32], int], NDArray[np.float32]]":
    import numpy as np

    from medscience.reconstruct.hounsfield import attenuation_of
    from medscience.reconstruct.project import project

    def projected(hu: "NDArray[np.float32]", view: int) -> "NDArray[np.float32]":
        seen = project(attenuation_of(hu, WATER), grid, "HFS", views.take([view]), detector)
        return np.asarray(seen[0])

    return projected


def _write_breathing(base: Path, person: "Person", times: "NDArray[np.float64]") -> None:
    columns = (times, person.breath.diaphragm(times), person.breath.phase(times))
    rows = [f"{t:.4f},{amplitude:.5f},{phase:.5f}" for t, amplitude, phase in zip(*columns, strict=True)]
    _write(base.with_name(f"{base.name}_breathing.csv"), ["time_s,amplitude,phase", *rows])


def _write_acquisition(base: Path, exposure: "Exposure", how: Settings) -> None:
    voxels = ", ".join(map(str, how.shape(FIELD[0])))
    lines = [
        f"geometry: {base.name}.xml",
        "patient_position: HFS",
        "rotation: clockwise",
        "fan: half",
        "values: counts",
        f"water_per_mm: {WATER}",
        f"i0: {exposure.photons:g}",
        f"breathing: {base.name}_breathing.csv",
        "inhale: high",
        f"voxel_mm: {how.voxel:g}",
        f"voxels: [{voxels}]",
    ]
    _write(base.with_suffix(".yaml"), lines)


def _write_truth(base: Path, person: "Person", how: Settings, scan: "Scan") -> None:
    """Write phases and tumour in the box that every view sees, axes as a reconstruction has them."""
    import numpy as np

    from medscience.export.nifti import write_nifti
    from medscience.image import Image, Meaning

    grid, step = person.anatomy.geometry, float(np.diff(person.breath.ends).mean()) / PHASES
    tall, low = grid.shape[0], how.shape(FIELD[0])[0]
    kept = slice((tall - low) // 2, (tall - low) // 2 + low)
    box = grid.crop((kept.start, 0, 0), (low, *grid.shape[1:]))
    turn = box.reorientation("SAL")
    for kind, values in (
        ("truth", np.rint(scan.phases[:, kept]).astype(np.int16)),
        ("tumour", (scan.tumour[:, kept] >= 0.5).astype(np.uint8)),
    ):
        image = Image(values, Meaning(box, "tzyx", time_step=step)).turned(turn)
        path = base.with_name(f"{base.name}_{kind}.nii.gz")
        write_nifti(image, path, is_labels=kind == "tumour", form_code=1)
    rows = ["phase\tviews\ttumour_x_mm\ttumour_y_mm\ttumour_z_mm"]
    counts = np.bincount(scan.bins, minlength=PHASES)
    for phase, (views, (x, y, z)) in enumerate(zip(counts, scan.centroids(), strict=True)):
        rows.append(f"{phase}\t{views}\t{x:.4f}\t{y:.4f}\t{z:.4f}")
    _write(base.with_name(f"{base.name}_truth.tsv"), rows)


def _write_sheet(destination: Path, names: list[str]) -> None:
    rows = ["sample\ttrack\tsource\tacquisition\treference"]
    for name in names:
        base = destination / name
        truth = f"{base}_truth.nii.gz"
        rows.append("\t".join([name, "cbct4d", f"{base}.mha", f"{base}.yaml", truth]))
    _write(destination / "samples.tsv", rows)


def _write(path: Path, lines: list[str]) -> None:
    from medscience.store.files import write_whole

    write_whole(path, "\n".join(lines) + "\n")
