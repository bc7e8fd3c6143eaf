"""Lesions of the liver: darker or brighter than it, with or without a rim and a core."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Triple
from medscience.simulate.abdomen.canvas import Canvas, Grid, Waves
from medscience.simulate.abdomen.habitus import Style
from medscience.simulate.abdomen.organs import TUMOUR
from medscience.simulate.abdomen.phases import Phase
from medscience.simulate.abdomen.solids import blob

Kind = Literal["dark", "bright", "cyst", "ring"]
CHANCES: dict[Phase, dict[Kind, float]] = {
    "native": {"dark": 0.8, "bright": 0.0, "cyst": 0.2, "ring": 0.0},
    "arterial": {"dark": 0.3, "bright": 0.45, "cyst": 0.1, "ring": 0.15},
    "portal": {"dark": 0.6, "bright": 0.05, "cyst": 0.15, "ring": 0.2},
    "delayed": {"dark": 0.6, "bright": 0.1, "cyst": 0.15, "ring": 0.15},
}
"""How often each kind is seen in each phase."""
MOST = 8
"""Lesions in a liver."""
RIM_MM = 2.5


@dataclass(frozen=True, slots=True)
class Lesion:
    """A lesion, in millimetres along (z, y, x)."""

    centre: Triple
    radii: Triple
    degrees: Triple
    kind: Kind
    difference: float
    """From the liver, in Hounsfield units."""
    ragged: float
    """Roughness in mm."""
    seed: int
    """Of its surface."""


def draw_lesions(
    random: np.random.Generator,
    style: Style,
    phase: Phase,
    depth: NDArray[np.floating],
    grid: Grid,
    count: int,
) -> list[Lesion]:
    """Draw lesions with their middle in a liver, whose depth is known on a grid."""
    places = np.argwhere(depth > 2)
    found = []
    for _ in range(count if len(places) else 0):
        i, j, k = places[int(random.integers(len(places)))]
        jitter = random.uniform(-0.5, 0.5, 3) * [
            np.ptp(a) / max(len(a) - 1, 1) for a in (grid.z, grid.y, grid.x)
        ]
        z, y, x = (np.array([grid.z[i], grid.y[j], grid.x[k]]) + jitter).tolist()
        radius = float(np.exp(random.uniform(*np.log(style.lesion_radius))))
        one, two, three = (radius * random.uniform(0.8, 1.25, 3)).tolist()
        kinds = CHANCES[phase]
        kind: Kind = random.choice(list(kinds), p=list(kinds.values()))
        turn = random.uniform(-90, 90, 3).tolist()
        contrast, ragged = random.uniform(*style.lesion_contrast), random.uniform(*style.lesion_ragged)
        found.append(
            Lesion(
                (z, y, x),
                (one, two, three),
                (turn[0], turn[1], turn[2]),
                kind,
                contrast if kind == "bright" else -contrast,
                radius * ragged,
                int(random.integers(2**31)),
            )
        )
    return found


def paint_lesions(lesions: list[Lesion], canvas: Canvas, hu: dict[str, float]) -> None:
    """Paint lesions, where there is liver."""
    for lesion in lesions:
        reach = 1.4 * max(lesion.radii) + 3 * lesion.ragged + canvas.edge
        low, high = np.subtract(lesion.centre, reach).tolist(), np.add(lesion.centre, reach).tolist()
        region = canvas.grid.region((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        part = canvas.grid.part(region)
        if min(part.shape) == 0:
            continue
        random = np.random.default_rng(lesion.seed)
        depth = blob(part.place, lesion.centre, lesion.radii, lesion.degrees)
        depth = depth + lesion.ragged * Waves(random, max(1.2 * min(lesion.radii), 14)).on(part)
        depth = np.where(canvas.labels[region] > 0, depth, np.float32(-9))
        _paint(random, lesion, canvas, region, depth, hu)


def _paint(
    random: np.random.Generator,
    lesion: Lesion,
    canvas: Canvas,
    region: tuple[slice, slice, slice],
    depth: NDArray[np.floating],
    hu: dict[str, float],
) -> None:
    inside = hu["liver"] + lesion.difference
    if lesion.kind == "cyst":
        canvas.paint(depth, random.uniform(0, 15), region, TUMOUR)
        return
    texture = 0.15 * abs(lesion.difference) * Waves(random, 14).on(canvas.grid.part(region))
    if lesion.kind == "ring":
        canvas.paint(depth, hu["liver"] + abs(lesion.difference) * 0.7, region, TUMOUR)
        canvas.paint(depth - RIM_MM, inside + texture, region, TUMOUR)
    else:
        canvas.paint(depth, inside + texture, region, TUMOUR)
    if min(lesion.radii) > 12 and random.random() < 0.4:
        canvas.paint(depth - 0.45 * min(lesion.radii), min(hu["lesion core"], inside), region, TUMOUR)
