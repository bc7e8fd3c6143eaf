"""Vessels: aorta and inferior vena cava, the trees of the portal and the hepatic veins."""

import numpy as np

from medscience.geometry import Triple
from medscience.simulate.abdomen.canvas import Canvas
from medscience.simulate.abdomen.habitus import Habitus
from medscience.simulate.abdomen.solids import box_around, tube
from medscience.simulate.abdomen.wall import spine_y

Rod = tuple[list[Triple], list[float]]
"""Points (z, y, x) and radii in mm."""
THINNEST = 1.3
"""Radius in mm below which a vessel ends."""


def paint_great_vessels(
    random: np.random.Generator, body: Habitus, canvas: Canvas, hu: dict[str, float]
) -> None:
    """Paint aorta and vena cava before the spine; they leave the liver's label behind."""
    y, wide = spine_y(body) + 30, random.uniform(8, 12)
    left, right = random.uniform(-16, -6), random.uniform(14, 24)
    aorta: Rod = (
        [(-300, y - 4, left + 4), (0, y - 2, left), (300, y - 8, left - 6)],
        [wide * 0.8, wide, wide * 1.15],
    )
    cava: Rod = ([(-300, y, right), (0, y + 4, right), (105, y + 16, right - 2)], [9, 11.5, 13])
    _paint(canvas, aorta, hu["aorta"], 0)
    if random.random() < 0.35:  # chalk in the aorta's wall
        at = (random.uniform(-60, 60), y - 2 - wide * 0.85, left)
        _paint(canvas, ([at, (at[0] + 12, at[1], at[2] + 3)], [2.0, 1.6]), 600, 0)
    _paint(canvas, cava, hu["cava"], 0)


def paint_liver_vessels(
    random: np.random.Generator, body: Habitus, canvas: Canvas, hu: dict[str, float]
) -> None:
    """Paint the veins of the liver; within it they belong to it."""
    y, w, h = spine_y(body) + 36, body.inner_width, body.inner_depth
    trunk: Rod = ([(-40, y + 16, -6), (-5, y + 30, 18), (12, y + 32, 0.24 * w)], [6.5, 7, 6.5])
    _paint(canvas, trunk, hu["portal vein"], None)
    start, thick = trunk[0][-1], random.uniform(4.5, 6.5)
    ends: list[Triple] = [(15, 0.0, 0.62 * w), (40, 0.3 * h, -0.2 * w), (-25, 0.1 * h, 0.6 * w)]
    for end in ends:
        for rod in _tree(random, start, end, thick, 3):
            _paint(canvas, rod, hu["portal vein"], None)
    mouth: Triple = (body.domes[0] - 28, y + 10, 20)
    ends = [(0, -0.2 * h, 0.75 * w), (10, 0.4 * h, 0.42 * w), (30, 0.5 * h, -0.15 * w)]
    for end in ends:
        for rod in _tree(random, mouth, end, random.uniform(4, 5.5), 3):
            _paint(canvas, rod, hu["hepatic vein"], None)


def _tree(
    random: np.random.Generator, start: Triple, end: Triple, radius: float, generations: int
) -> list[Rod]:
    """Return a crooked branch and those that leave it."""
    if not generations or radius < THINNEST:
        return []
    way = np.linspace(start, end, 4)
    length = float(np.linalg.norm(way[-1] - way[0]))
    way[1:] += random.normal(0, 0.08 * length, (3, 3))
    points = [(float(z), float(y), float(x)) for z, y, x in way]
    radii = [radius * part for part in (1.0, 0.85, 0.7, 0.5)]
    rods: list[Rod] = [(points, radii)]
    for at in (1, 2, 3):
        direction = (way[at] - way[at - 1]) / (length / 3) + random.normal(0, 0.75, 3)
        tip = way[at] + direction * length * random.uniform(0.3, 0.5)
        away = (float(tip[0]), float(tip[1]), float(tip[2]))
        rods += _tree(random, points[at], away, 0.7 * radii[at], generations - 1)
    return rods


def _paint(canvas: Canvas, rod: Rod, hu: float, label: int | None) -> None:
    """Paint a vessel; one with a label of None stays within the liver."""
    points, radii = rod
    region = canvas.grid.region(*box_around(points, max(radii) + canvas.edge))
    part = canvas.grid.part(region)
    if min(part.shape) == 0:
        return
    depth = tube(part.place, points, radii)
    if label is None:
        depth = np.where(canvas.labels[region] > 0, depth, np.float32(-9))
    canvas.paint(depth, hu, region, label)
