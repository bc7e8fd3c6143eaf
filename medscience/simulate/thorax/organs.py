"""What the chest's cavity holds: lungs with vessels, heart, great vessels, diaphragm and what lies below."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from medscience.geometry import Triple
from medscience.simulate.fields import Field, ellipsoid, smooth, union
from medscience.simulate.thorax.body import FAT, MUSCLE, Build, spine_space
from medscience.simulate.thorax.canvas import AIR, BodyPlace, Canvas
from medscience.simulate.thorax.trees import grown, spread

BLOOD, HEART, LIVER, SPLEEN, STOMACH, TUMOUR = 42.0, 50.0, 62.0, 52.0, 15.0, 38.0
LUNG = -835.0
ENDS = 650
"""Ends of the vessels in each lung."""


@dataclass(frozen=True, slots=True)
class Cavity:
    """Depths in mm, shape (Z, Y, X), negative outside."""

    lungs: Field
    below: Field
    """Under the diaphragm."""


def paint_organs(canvas: Canvas, build: Build, cage: Field, random: np.random.Generator) -> Cavity:
    """Paint everything in the cavity but vessels of the lungs and the tumour."""
    place, z = canvas.place, build.dome
    domes = _diaphragm(place, build) + 2.5 * smooth(random, place, 50)
    heart = _heart(place, build, random)
    middle = union(_mediastinum(place, build), heart, spine_space(place, build), blend=6)
    inside = np.minimum(cage - 1, domes)
    lungs = np.asarray(np.minimum(inside, -middle), np.float32)
    below = np.asarray(np.minimum(cage - 3, -domes), np.float32)
    canvas.blend(np.minimum(canvas.cover(inside), 1 - canvas.cover(spine_space(place, build))), FAT + 40)
    canvas.paint(np.minimum(heart, inside), FAT)
    canvas.paint(np.minimum(heart - 4, inside), HEART + 5 * smooth(random, place, 20))
    _great_vessels(canvas, build, inside)
    air = (
        LUNG
        - 25 * place.y / build.half_depth
        + 14 * smooth(random, place, 9)
        + 14 * smooth(random, place, 40)
    )
    canvas.paint(lungs, air)
    _airways(canvas, z)
    _abdomen(canvas, build, below, random)
    return Cavity(lungs, below)


def _diaphragm(place: BodyPlace, build: Build) -> Field:
    """Height above the diaphragm, mm: two domes, the right one higher."""
    w, d = build.half_width, build.half_depth
    right = build.dome - 40 * (((place.x - 0.36 * w) / (0.42 * w)) ** 2 + ((place.y - 8) / (0.72 * d)) ** 2)
    left = (
        build.dome - 13 - 40 * (((place.x + 0.36 * w) / (0.42 * w)) ** 2 + ((place.y - 8) / (0.72 * d)) ** 2)
    )
    return np.asarray(place.z - union(right, left, blend=14), np.float32)


def _heart(place: BodyPlace, build: Build, random: np.random.Generator) -> Field:
    size = random.uniform(0.92, 1.08)
    ventricles = (build.dome + 26, 0.28 * build.half_depth, -30)
    atria = (build.dome + 52, 0.08 * build.half_depth, 4)
    return union(
        ellipsoid(place, ventricles, (44 * size, 42 * size, 48 * size)),
        ellipsoid(place, atria, (42 * size, 36 * size, 42 * size)),
        blend=14,
    )


def _mediastinum(place: BodyPlace, build: Build) -> Field:
    """Depth in the sheet between the lungs."""
    width = (
        9 + 17 * np.exp(-(((place.y + 10) / 30) ** 2)) + 6 * np.clip((place.z - build.dome - 90) / 60, 0, 1)
    )
    return np.asarray(width - np.abs(place.x + 3), np.float32)


def _great_vessels(canvas: Canvas, build: Build, inside: Field) -> None:
    """Paint aorta, venae cavae, oesophagus and the pulmonary trunk."""
    z, spine, high = build.dome, build.spine, 260.0
    kept = canvas.hu.copy()
    rods: list[tuple[Triple, Triple, float, float]] = [
        ((-high, spine + 20, -14), (z + 125, spine + 22, -20), 12, BLOOD),
        ((z + 125, spine + 22, -20), (z + 140, 12, -2), 13, BLOOD),
        ((z + 140, 12, -2), (z + 62, 22, 6), 15, BLOOD),
        ((-high, spine + 34, 22), (z + 40, 2, 24), 11, BLOOD),
        ((z + 60, 14, 26), (high, 20, 24), 9, BLOOD),
        ((z + 60, 28, -14), (z + 98, 8, -14), 13, BLOOD),
        ((-high, spine + 30, -4), (high, spine + 24, -2), 6.5, 32.0),
    ]
    for start, end, radius, hu in rods:
        canvas.rod(start, end, radius + 0.8, hu)
    outside = 1 - canvas.cover(inside)
    canvas.blend(outside * (kept > FAT / 2 + 100), kept)


def hila(build: Build) -> tuple[Triple, Triple]:
    """Return where vessels and bronchi come into the left and the right lung."""
    return (build.dome + 82, -6, -40), (build.dome + 78, -6, 42)


def _airways(canvas: Canvas, dome: float) -> None:
    carina = (dome + 108, -8.0, 0.0)
    tubes: list[tuple[Triple, Triple, float]] = [
        (carina, (260.0, -2.0, 0.0), 8.5),
        (carina, (dome + 80, -12, 36), 6.5),
        (carina, (dome + 84, -12, -38), 6.0),
        ((dome + 80, -12, 36), (dome + 46, -22, 52), 4.5),
        ((dome + 84, -12, -38), (dome + 50, -24, -52), 4.2),
    ]
    for start, end, radius in tubes:
        canvas.rod(start, end, radius + 1.8, 30.0)
    for start, end, radius in tubes:
        canvas.rod(start, end, radius, AIR + 10)


def _abdomen(canvas: Canvas, build: Build, below: Field, random: np.random.Generator) -> None:
    """Paint the diaphragm's muscle, and liver, spleen and stomach in fat."""
    place, z = canvas.place, build.dome
    spared = -spine_space(place, build)
    below = np.minimum(below, spared)
    canvas.paint(below, MUSCLE)
    bowel = smooth(random, place, 30)
    canvas.paint(below - 4, np.where(bowel > 0.4, 35.0, FAT) + 8 * smooth(random, place, 12))
    edge = place.x + 0.25 * place.y + 28 + 10 * smooth(random, place, 60)
    liver = np.minimum(np.minimum(below - 4, edge), place.z - z + 150 + 0.4 * place.x)
    canvas.paint(liver, LIVER + 5 * smooth(random, place, 16))
    spleen = ellipsoid(place, (z - 62, -0.42 * build.half_depth, -0.56 * build.half_width), (48, 36, 24))
    canvas.paint(np.minimum(spleen, below - 4), SPLEEN)
    stomach = ellipsoid(place, (z - 62, 0.2 * build.half_depth, -0.42 * build.half_width), (46, 40, 34))
    stomach = np.minimum(stomach, below - 5)
    canvas.paint(stomach, 45.0)
    canvas.paint(stomach - 4, STOMACH)
    canvas.paint(np.minimum(stomach - 4, place.y - 0.38 * build.half_depth), AIR + 20)
    canvas.rod((-260.0, build.spine + 20, -14), (z, build.spine + 21, -16), 12, BLOOD)
    canvas.rod((-260.0, build.spine + 26, 22), (z - 10, build.spine + 34, 22), 11, BLOOD)


def paint_vessels(canvas: Canvas, build: Build, lungs: Field, random: np.random.Generator) -> None:
    """Paint the lungs' vessels, and the walls of the bronchi beside the larger ones."""
    for hilum, sign in zip(hila(build), (-1, 1), strict=True):
        here = np.argwhere((lungs > 4) & (sign * canvas.place.x > 0))
        if not len(here):
            continue
        middle = (np.array(canvas.hu.shape) - 1) / 2
        ends = spread((here + random.uniform(-0.5, 0.5, here.shape) - middle) * canvas.step, ENDS, random)
        tree = grown(np.array(hilum), ends, random)
        for n in range(1, len(tree.points)):
            start, end = tree.points[tree.parents[n]], tree.points[n]
            canvas.rod(_triple(start), _triple(end), tree.radii[n], BLOOD)


def paint_tumour(
    canvas: Canvas, dome: float, lungs: Field, random: np.random.Generator
) -> NDArray[np.float32]:
    """Paint a tumour in a lower lobe, and return how much of each voxel it is.

    Parameters
    ----------
    dome : float
        Height of the diaphragm, mm.
    lungs : ndarray
        Depth below the lungs' surface, mm.
    """
    place, radius = canvas.place, random.uniform(8, 15)
    room = distance_transform_edt(lungs > 0, sampling=canvas.step)
    low = (place.z > -48) & (place.z < dome + 45) & (place.y < 15) & (np.abs(place.x) > 35)
    fits = np.argwhere(low & (room > radius + 3))
    if not len(fits):
        fits = np.argwhere(low & (room >= 0.95 * np.where(low, room, 0).max()))
    at = (fits[int(random.integers(len(fits)))] - (np.array(canvas.hu.shape) - 1) / 2) * canvas.step
    depth = ellipsoid(place, _triple(at), _triple(radius * random.uniform(0.85, 1.15, 3)))
    depth = np.asarray(depth + 1.6 * smooth(random, place, 14), np.float32)
    for _ in range(int(random.integers(5, 10))):
        way = random.normal(size=3)
        tip = at + way / np.linalg.norm(way) * radius * random.uniform(1.2, 1.7)
        canvas.rod(_triple(at), _triple(tip), 0.9, TUMOUR)
    part = canvas.cover(np.minimum(depth, lungs + 6))
    canvas.blend(part, TUMOUR + 8 * smooth(random, place, 10))
    return part


def _triple(values: NDArray[np.float64]) -> Triple:
    z, y, x = values.tolist()
    return z, y, x
