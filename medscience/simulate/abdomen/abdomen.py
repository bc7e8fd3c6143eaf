"""A whole abdomen: drawn from a seed, painted, scanned."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Geometry
from medscience.simulate.abdomen import organs, vessels, wall
from medscience.simulate.abdomen.canvas import Canvas, Grid
from medscience.simulate.abdomen.habitus import STYLES, Habitus, hull
from medscience.simulate.abdomen.lesions import MOST, Lesion, draw_lesions, paint_lesions
from medscience.simulate.abdomen.phases import PHASES, Phase, draw_hu
from medscience.simulate.abdomen.scanner import Scan, averaged, majority, noise, stored

StyleName = Literal["usual", "other"]
LABELS = {0: "background", 1: "liver", 2: "tumour"}
"""The truth's labels, as in LiTS."""
AT_ONCE = 8_000_000
"""Voxels that are painted at once."""
COARSE = 4.0
"""Millimetres of the grid on which places for lesions are found."""
THICKNESSES = (0.7, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 5.0)
"""Of slices, in mm."""
ARMS = 0.4
"""Part of the scans in which the arms lie beside the body."""
PARTS = (
    "habitus",
    "hull",
    "hu",
    "wall",
    "organs",
    "vessels",
    "lesions",
    "noise",
    "scan",
    "spleen",
    "liver",
    "outside",
)
"""Each has random numbers of its own, so that what is drawn does not depend on the grid."""


@dataclass(frozen=True, slots=True)
class Abdomen:
    """A simulated scan and its truth."""

    image: NDArray[np.int16]
    """Hounsfield units, along the axes of `geometry`: slices up, rows back, columns left."""
    labels: NDArray[np.uint8]
    """Truth of every voxel, numbered as `LABELS`; vessels within the liver belong to it."""
    geometry: Geometry
    phase: Phase
    lesions: tuple[Lesion, ...]


@dataclass(frozen=True, slots=True)
class Patient:
    """Everything that is drawn of an abdomen before it is scanned."""

    seed: int
    body: Habitus
    phase: Phase
    hu: dict[str, float]
    lesions: list[Lesion]

    def random(self, part: str) -> np.random.Generator:
        """Return the random numbers of a part."""
        return _random(self.seed, part)

    def painted(self, grid: Grid, edge: float) -> Canvas:
        """Return the body on a grid."""
        canvas, body, hu = Canvas.empty(grid, edge), self.body, self.hu
        outline = hull(self.random("hull"), body, grid)
        wall.paint_wall(self.random("wall"), body, outline, canvas, hu)
        inside = self.random("organs")
        organs.paint_bowel(inside, body, outline, canvas, hu)
        organs.paint_pancreas(inside, body, canvas, hu)
        organs.paint_spleen(self.random("spleen"), body, outline, canvas, hu)
        organs.paint_stomach(inside, body, canvas, hu)
        depth = organs.liver(self.random("liver"), body, outline, grid)
        organs.paint_liver(inside, body, depth, canvas, hu)
        organs.paint_kidneys(inside, body, canvas, hu)
        tubes = self.random("vessels")
        vessels.paint_great_vessels(tubes, body, canvas, hu)
        vessels.paint_liver_vessels(tubes, body, canvas, hu)
        paint_lesions(self.lesions, canvas, hu)
        outside = self.random("outside")
        wall.paint_outside(outside, body, canvas, hu, arms=outside.random() < ARMS)
        return canvas


def draw_patient(
    seed: int, style: StyleName, phase: Phase | None = None, lesions: int | None = None
) -> Patient:
    """Draw everything of an abdomen but its scan.

    Parameters
    ----------
    seed : int
        Chooses everything that is not given.
    phase : str, optional
        Of the contrast agent.
    lesions : int, optional
        Number of lesions; those whose middle lies in another make one with it.
    """
    random = _random(seed, "habitus")
    body = Habitus.draw(random, STYLES[style])
    phase = phase or PHASES[int(random.choice(4, p=(0.15, 0.2, 0.5, 0.15)))]
    hu = draw_hu(_random(seed, "hu"), phase)
    count = int(random.integers(MOST + 1)) if lesions is None else lesions
    grid = _coarse(body)
    depth = organs.liver(_random(seed, "liver"), body, hull(_random(seed, "hull"), body, grid), grid)
    drawn = draw_lesions(_random(seed, "lesions"), STYLES[style], phase, depth, grid, count)
    return Patient(seed, body, phase, hu, drawn)


def _coarse(body: Habitus) -> Grid:
    z, y, x = (
        np.arange(-half, half, COARSE, dtype=np.float32) for half in (130, body.inner_depth, body.inner_width)
    )
    return Grid(z, y, x)


def drawn_scan(seed: int, style: StyleName, size: int = 256, thickness: float | None = None) -> Scan:
    """Return a field of view that holds a seed's body from the lungs to below the liver.

    Parameters
    ----------
    size : int
        Pixels along a slice's sides.
    thickness : float, optional
        Of the slices, in mm; 0.7 to 5 if not given.
    """
    body = Habitus.draw(_random(seed, "habitus"), STYLES[style])
    random = _random(seed, "scan")
    field = 2 * body.width + random.uniform(15, 90)
    usual = float(random.choice(THICKNESSES))
    top = body.domes[0] + random.uniform(5, 40)
    bottom = random.uniform(-150, -110)
    middle = ((top + bottom) / 2, random.uniform(-20, 5), random.uniform(-12, 12))
    pixel, deep = round(field / size, 4), thickness or usual
    return Scan((max(round((top - bottom) / deep), 8), size, size), (deep, pixel, pixel), middle)


def simulate_abdomen(
    seed: int,
    scan: Scan | None = None,
    *,
    style: StyleName = "usual",
    phase: Phase | None = None,
    lesions: int | None = None,
) -> Abdomen:
    """Return an abdomen that differs with every seed and is the same for the same seed.

    Parameters
    ----------
    seed : int
        Chooses body, phase, lesions, field of view and noise, where they are not given.
    scan : Scan, optional
        Field of view and slices; the body does not depend on them.
    style : str
        ``usual``, or ``other``: the same organs with other shapes, lesions and noise.
    phase, lesions
        See `draw_patient`.
    """
    patient = draw_patient(seed, style, phase, lesions)
    scan = scan or drawn_scan(seed, style)
    many = max(AT_ONCE // (scan.thin * scan.shape[1] * scan.shape[2]), 1)
    parts = []
    for start in range(0, scan.shape[0], many):
        slices = range(start, min(start + many, scan.shape[0]))
        canvas = patient.painted(scan.grid(slices), scan.spacing[2])
        parts.append((averaged(canvas.hu, scan.thin), majority(canvas.labels, scan.thin)))
    hu, labels = (np.concatenate(each) for each in zip(*parts, strict=True))
    hu += _noise(patient, scan)
    turned = (slice(None), slice(None, None, -1), slice(None, None, -1))
    return Abdomen(
        stored(hu[turned]),
        np.ascontiguousarray(labels[turned]),
        scan.geometry,
        patient.phase,
        tuple(patient.lesions),
    )


def _noise(patient: Patient, scan: Scan) -> NDArray[np.float32]:
    """The noise of a scan: most where rays pass through most of the body."""
    random, body = patient.random("noise"), patient.body
    _, y, x = scan.axes()
    r = np.hypot(x[None, :] / body.width, y[:, None] / body.depth)
    share = np.clip(1.1 - 0.55 * r**2, 0.25, 1.1).astype(np.float32)
    kernel = random.uniform(*body.style.kernel)
    return noise(random, scan, kernel, random.uniform(*body.style.noise), share)


def _random(seed: int, part: str) -> np.random.Generator:
    return np.random.default_rng([seed, 0xABD0, PARTS.index(part)])
