"""The organs of the belly: liver and gall bladder, spleen, kidneys, pancreas, stomach and bowel."""

import numpy as np

from medscience.geometry import Triple
from medscience.simulate.abdomen.canvas import Canvas, Grid, Waves
from medscience.simulate.abdomen.habitus import Habitus, Hull
from medscience.simulate.abdomen.solids import blob, tube
from medscience.simulate.abdomen.wall import spine_y
from medscience.simulate.fields import Field, union

LIVER, TUMOUR = 1, 2
"""Truth labels, as in LiTS."""
WALL_MM = 3.0
"""Of stomach and bowel."""


def bent(random: np.random.Generator, body: Habitus, at: Triple) -> Triple:
    """Return a place, moved as organs of this style are."""
    by = np.clip(random.normal(0, 1, 3), -1.8, 1.8) * random.uniform(*body.style.bend)
    return at[0] + float(by[0]), at[1] + float(by[1]), at[2] + float(by[2])


def bumps(random: np.random.Generator, body: Habitus, grid: Grid, part: float = 1.0) -> Field:
    """Return by how much the surface of an organ is moved outwards."""
    style = body.style
    return part * random.uniform(*style.bumps) * Waves(random, random.uniform(*style.wavelength)).on(grid)


def liver(random: np.random.Generator, body: Habitus, hull: Hull, grid: Grid) -> Field:
    """Return the depth in the liver: two lobes under the diaphragm, cut off from below by what lies there."""
    w, h, place = body.inner_width, body.inner_depth, grid.place
    big, small = random.uniform(*body.style.right_lobe), random.uniform(*body.style.left_lobe)
    right = blob(
        place,
        bent(random, body, (5, -0.02 * h, 0.50 * w)),
        (88 * big, 0.93 * h * big, 0.52 * w * big),
        (random.uniform(-12, 12), random.uniform(-12, 12), random.uniform(-15, 15)),
    )
    left = blob(
        place,
        bent(random, body, (38, 0.42 * h, -0.02 * w)),
        (42 * small, 0.42 * h * small, 0.62 * w * small),
        (random.uniform(-15, 15), random.uniform(-5, 20), random.uniform(-12, 12)),
    )
    lobes = union(right, left, blend=random.uniform(12, 28)) + bumps(random, body, grid)
    low, slope = random.uniform(-95, -65), random.uniform(0.35, 0.7)
    below = 0.8 * (place.z - low - slope * (0.7 * w - place.x)) + 5 * Waves(random, 50).on(grid)
    spine = np.hypot(place.x + 4, 0.9 * (place.y - spine_y(body))) - random.uniform(36, 46)
    depth = np.minimum(np.minimum(lobes, below + np.zeros_like(lobes)), spine)
    inside = np.minimum(hull.cavity - 2.5, hull.dome - 3)
    return np.asarray(np.minimum(depth, inside), dtype=np.float32)


def paint_liver(
    random: np.random.Generator, body: Habitus, depth: Field, canvas: Canvas, hu: dict[str, float]
) -> None:
    """Paint the liver, the fissure between its lobes, and the gall bladder below it."""
    place, grid = canvas.grid.place, canvas.grid
    canvas.paint(depth, hu["liver"] + 4 * Waves(random, 25).on(grid), label=LIVER)
    x, y = random.uniform(0.05, 0.25) * body.inner_width, random.uniform(0.15, 0.45) * body.inner_depth
    fissure = random.uniform(1, 4) - np.abs(place.x - x - 0.2 * (place.y - y) + 0.2 * place.z)
    fissure = np.minimum(fissure + 2 * Waves(random, 30).on(grid), np.minimum(place.y - y, 35 - place.z))
    canvas.paint(np.where(depth > -6, np.minimum(fissure, depth + 3), -9), hu["fat"] + 15)
    if random.random() < 0.85:
        at = bent(random, body, (-38, 0.38 * body.inner_depth, 0.38 * body.inner_width))
        long, wide = random.uniform(24, 42), random.uniform(11, 19)
        bladder = blob(place, at, (long, wide, wide), (random.uniform(-40, 40), random.uniform(-30, 30), 0))
        bladder += bumps(random, body, grid, 0.4)
        canvas.paint(bladder + 1.5, hu["gut wall"])
        canvas.paint(bladder, hu["fluid"])


def paint_spleen(
    random: np.random.Generator, body: Habitus, hull: Hull, canvas: Canvas, hu: dict[str, float]
) -> None:
    """Paint the spleen, which lies against the wall at the left and behind."""
    w, h, grid = body.inner_width, body.inner_depth, canvas.grid
    size = random.uniform(0.75, 1.35)
    at = bent(random, body, (25, -0.38 * h, -0.78 * w))
    depth = blob(
        grid.place,
        at,
        (52 * size, 42 * size, 26 * size),
        (random.uniform(-25, 25), 0, random.uniform(15, 50)),
    )
    depth = np.minimum(depth + bumps(random, body, grid, 0.7), np.minimum(hull.cavity - 2.5, hull.dome - 3))
    canvas.paint(depth, hu["spleen"])


def paint_kidneys(random: np.random.Generator, body: Habitus, canvas: Canvas, hu: dict[str, float]) -> None:
    """Paint the kidneys: cortex, medulla, and fat in the middle."""
    grid, y = canvas.grid, spine_y(body)
    for side in (-1, 1):
        at = bent(random, body, (-38 if side > 0 else -25, y + 9, side * random.uniform(56, 68)))
        radii = (random.uniform(48, 60), random.uniform(23, 30), random.uniform(24, 31))
        depth = blob(
            grid.place, at, radii, (random.uniform(-15, 15), side * 12, side * random.uniform(10, 35))
        )
        depth += bumps(random, body, grid, 0.4)
        canvas.paint(np.where(canvas.labels > 0, depth + random.uniform(2, 5), -9), hu["fat"])
        canvas.paint(depth, hu["cortex"])
        canvas.paint(depth - 7 + 2.5 * Waves(random, 15).on(grid), hu["medulla"])
        inner = (at[0], at[1] + 4, at[2] - side * 14)
        hilum = blob(grid.place, inner, (26, 10, 17)) + 3 * Waves(random, 15).on(grid)
        canvas.paint(hilum, hu["fat"])


def paint_pancreas(random: np.random.Generator, body: Habitus, canvas: Canvas, hu: dict[str, float]) -> None:
    """Paint the pancreas, lobulated, from the duodenum to the spleen."""
    y = spine_y(body)
    way = [(-32, y + 58, 34), (-12, y + 66, 8), (2, y + 58, -28), (18, y + 32, -72)]
    points = [bent(random, body, at) for at in way]
    depth = tube(canvas.grid.place, points, [15, 11, 10, 8]) + 2.5 * Waves(random, 15).on(canvas.grid)
    canvas.paint(depth, hu["pancreas"])


def paint_stomach(random: np.random.Generator, body: Habitus, canvas: Canvas, hu: dict[str, float]) -> None:
    """Paint the stomach with what was eaten, and gas above it: the patient lies on the back."""
    w, h, grid = body.inner_width, body.inner_depth, canvas.grid
    wide = random.uniform(18, 36)
    way = [
        (62, -0.05 * h, -0.45 * w),
        (38, 0.2 * h, -0.55 * w),
        (-5, 0.5 * h, -0.35 * w),
        (-28, 0.42 * h, 0.1 * w),
    ]
    points = [bent(random, body, at) for at in way]
    depth = tube(grid.place, points, [wide, wide * 0.95, wide * 0.7, 13]) + bumps(random, body, grid, 0.6)
    eaten = random.choice([random.uniform(0, 30), random.uniform(25, 75), random.uniform(60, 110)])
    inside = eaten + random.uniform(2, 25) * Waves(random, 15).on(grid)
    level = points[1][1] + random.uniform(-0.9, 1.6) * wide
    gas = np.clip((grid.place.y - level) / 2 + 0.5, 0, 1)
    canvas.paint(depth, hu["gut wall"], label=None)
    canvas.paint(depth - WALL_MM, inside + gas * (-950 - inside), label=None)
    canvas.labels[depth > 0] = 0


def paint_bowel(
    random: np.random.Generator, body: Habitus, hull: Hull, canvas: Canvas, hu: dict[str, float]
) -> None:
    """Paint loops of small bowel low in the belly, and the colon with what it holds."""
    w, h, grid = body.inner_width, body.inner_depth, canvas.grid
    place = grid.place
    loops = 9 * (Waves(random, random.uniform(30, 44)).on(grid) + random.uniform(-0.4, 0.3))
    room = np.minimum(hull.cavity - 8, -18 - 0.35 * place.x - place.z)
    room = np.minimum(
        room, place.y - spine_y(body) - 30 - 0.2 * np.abs(place.x) + 8 * Waves(random, 40).on(grid)
    )
    loops = np.minimum(loops, room)
    filled = random.choice([random.uniform(5, 45), random.uniform(40, 110), random.uniform(90, 300)])
    canvas.paint(loops, hu["gut wall"])
    canvas.paint(loops - WALL_MM, filled)  # water, food, or contrast agent that was swallowed
    ways = (
        [(-170, -0.2 * h, 0.78 * w), (-70, 0.0 * h, 0.82 * w), (-62, 0.45 * h, 0.62 * w)],
        [
            (-62, 0.45 * h, 0.62 * w),
            (-72, 0.78 * h, 0.15 * w),
            (-58, 0.78 * h, -0.3 * w),
            (5, 0.3 * h, -0.82 * w),
        ],
        [(5, 0.3 * h, -0.82 * w), (-60, -0.2 * h, -0.85 * w), (-170, -0.25 * h, -0.8 * w)],
    )
    fold = 4.5 * Waves(random, 24).on(grid)
    mixed = Waves(random, 15).on(grid)
    for points in ways:
        wide = random.uniform(13, 26)
        moved = [bent(random, body, at) for at in points]
        depth = np.minimum(tube(place, moved, [wide] * len(moved)) + fold, hull.cavity - 3)
        gas = np.clip(mixed * 1.5 + (place.y - moved[1][1]) / 12 - random.uniform(-0.8, 1.8), 0, 1)
        canvas.paint(depth, hu["gut wall"])
        canvas.paint(depth - 2.5, hu["stool"] + 15 * mixed + gas * (-920 - hu["stool"]))
