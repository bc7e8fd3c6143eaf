"""What is around the organs: skin, fat, muscles, spine, ribs, lungs, heart, arms, and the table."""

import numpy as np

from medscience.simulate.abdomen.canvas import Canvas, Waves
from medscience.simulate.abdomen.habitus import Habitus, Hull
from medscience.simulate.abdomen.solids import blob, tube
from medscience.simulate.fields import Field

SKIN_MM = 2.0
VERTEBRA_MM = 33.0
"""From one vertebra to the next."""
RIB_MM = 29.0
"""From one rib to the next, along the body."""


def paint_wall(
    random: np.random.Generator, body: Habitus, hull: Hull, canvas: Canvas, hu: dict[str, float]
) -> None:
    """Paint everything but the organs of the belly; its cavity is left full of fat."""
    grid = canvas.grid
    streaks = 6 * Waves(random, 18).on(grid)
    canvas.paint(hull.skin, 20)
    canvas.paint(hull.skin - SKIN_MM, hu["fat"] + streaks)
    between = 22 * np.maximum(Waves(random, 16).on(grid) - 1.0, 0)
    canvas.paint(hull.muscle, hu["muscle"] + streaks - 2 * between)
    strands = 110 * np.clip(Waves(random, 15).on(grid) - 1.3, 0, 1)  # vessels and folds in the fat
    canvas.paint(hull.cavity, hu["fat"] + 1.5 * streaks + strands)
    _chest(random, body, hull, canvas, hu)
    _ribs(random, body, hull, canvas, hu)
    _spine(random, body, hull, canvas, hu)


def spine_y(body: Habitus) -> float:
    """Return how far before the body's middle the middle of the vertebrae lies; it lies behind."""
    return -body.inner_depth + 42.0


def _chest(
    random: np.random.Generator, body: Habitus, hull: Hull, canvas: Canvas, hu: dict[str, float]
) -> None:
    grid = canvas.grid
    lung = np.minimum(-hull.dome, hull.cavity - 3)
    vessels = 250 * np.maximum(Waves(random, 15).on(grid) - 1.2, 0)
    canvas.paint(lung, hu["lung"] + np.minimum(vessels, 700))
    centre = (body.domes[1] + random.uniform(8, 25), 0.35 * body.inner_depth, random.uniform(-40, -15))
    heart = blob(grid.place, centre, (45, 50, 58), (0, 20, 0)) + 3 * Waves(random, 60).on(grid)
    heart = np.minimum(np.minimum(heart, hull.cavity - 6), -hull.dome)
    canvas.paint(heart, hu["fat"])
    canvas.paint(heart - 5, 0.5 * (hu["heart"] + hu["muscle"]))
    canvas.paint(heart - 14, hu["heart"])


def _bone(
    canvas: Canvas, depth: Field, hu: dict[str, float], marrow: Field | float, shell: float = 2.0
) -> None:
    canvas.paint(depth, hu["cortical"])
    canvas.paint(depth - shell, hu["marrow"] + marrow)


def _ribs(
    random: np.random.Generator, body: Habitus, hull: Hull, canvas: Canvas, hu: dict[str, float]
) -> None:
    """Ribs run down from the spine to the front, where they become cartilage; the lowest end at the sides."""
    place = canvas.grid.place
    slope, first = random.uniform(0.3, 0.6), random.uniform(0, 1)
    number = (place.z + slope * (place.y + body.depth)) / RIB_MM + first
    across = np.abs((number + 0.5) % 1 - 0.5) * RIB_MM / np.hypot(1, slope)
    depth = 5.0 - np.sqrt((0.75 * across) ** 2 + (hull.cavity + 4.5) ** 2)
    margin = place.z + random.uniform(45, 75) - 0.75 * (place.y + 0.5 * body.depth)
    ends = np.minimum(margin, np.abs(place.x) - 22)
    depth = np.minimum(depth, ends)
    bony = place.y < random.uniform(0.35, 0.55) * body.depth
    canvas.paint(np.where(bony, -9, depth), hu["cartilage"])
    _bone(canvas, np.where(bony, depth, -9), hu, 0.0)


def _spine(
    random: np.random.Generator, body: Habitus, hull: Hull, canvas: Canvas, hu: dict[str, float]
) -> None:
    y, radius = spine_y(body), random.uniform(17, 22)
    grid = canvas.grid
    region = grid.region((-400, y - 75, -85), (400, y + 60, 85))
    part = grid.part(region)
    place = part.place
    uneven, under = Waves(random, 30).on(part), hull.muscle[region] - 1
    mixed = 18 * np.maximum(Waves(random, 15).on(part) - 0.7, 0)
    for side in (-1, 1):
        back = blob(place, (0, y - 40, side * 32), (900, random.uniform(20, 27), random.uniform(26, 34)))
        canvas.paint(np.minimum(back + uneven, under), hu["muscle"] - 3 * mixed, region)
        psoas = tube(place, [(30, y + 2, side * 24), (-200, y + 12, side * 48)], [5, 28])
        canvas.paint(psoas + uneven, hu["muscle"] - mixed, region)
    texture = 45 * Waves(random, 15).on(part)
    level = (place.z / VERTEBRA_MM + random.uniform(0, 1)) % 1
    waist = 1.5 * np.cos(2 * np.pi * level)
    across = np.hypot(place.x, 1.15 * np.minimum(place.y - y, 0) + np.maximum(place.y - y, 0))
    body_depth = radius + waist - across + np.zeros_like(uneven)
    arch = 13 - np.hypot(place.x, place.y - (y - radius - 8))
    process = np.minimum(
        3.2 - np.abs(place.x), np.minimum(y - radius - 12 - place.y, place.y - (y - radius - 44))
    )
    sideways = np.minimum(
        np.minimum(3.5 - np.abs(place.y - (y - radius - 4)), 34 - np.abs(place.x)),
        5 - np.abs(level - 0.6) * 33,
    )
    for solid in (sideways, np.minimum(process, 12 - np.abs(level - 0.5) * 33), arch):
        _bone(canvas_at(canvas, region), np.minimum(solid, under - 1), hu, 80.0, 1.5)
    canal = 9 - np.hypot(place.x, place.y - (y - radius - 7)) + np.zeros_like(uneven)
    canvas.paint(canal, 25, region)
    is_disc = level < 0.26
    _bone(canvas_at(canvas, region), body_depth, hu, texture)
    canvas.paint(np.where(is_disc, body_depth, -9), hu["disc"], region)


def canvas_at(canvas: Canvas, region: tuple[slice, slice, slice]) -> Canvas:
    """Return a part of a canvas, which paints on the same voxels."""
    return Canvas(canvas.grid.part(region), canvas.hu[region], canvas.labels[region], canvas.edge)


def paint_outside(
    random: np.random.Generator, body: Habitus, canvas: Canvas, hu: dict[str, float], *, arms: bool
) -> None:
    """Paint the table, and arms beside the body where they are not above the head."""
    place = canvas.grid.place
    curve = place.x**2 / random.uniform(900, 2500)
    top = -body.depth - random.uniform(4, 12) + curve
    for below, hard in ((0.0, random.uniform(-100, 200)), (random.uniform(6, 14), random.uniform(-200, 100))):
        line = np.minimum(1.2 - np.abs(place.y - top + below), 220 - np.abs(place.x))
        outside = canvas.hu < -600
        canvas.paint(np.where(outside, line, -9), hard)
    foam = np.minimum(np.minimum(top - place.y, place.y - top + 40), 215 - np.abs(place.x))
    outside = canvas.hu < -960
    canvas.paint(np.where(outside, foam, -9), random.uniform(-980, -900))
    if not arms:
        return
    for side in (-1, 1):
        y, x = random.uniform(-60, 10), side * (body.width + random.uniform(42, 55))
        depth = blob(place, (0, y, x), (2000, random.uniform(32, 45), random.uniform(30, 38)))
        outside = canvas.hu < -800
        depth = np.where(outside, depth, -9.0)
        canvas.paint(depth, hu["fat"])
        canvas.paint(depth - random.uniform(4, 10), hu["muscle"])
        _bone(canvas, depth - random.uniform(22, 24), hu, -150.0, 4)
