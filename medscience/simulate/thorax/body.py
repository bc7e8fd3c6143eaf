"""The trunk around the lungs: skin, fat, muscle, ribs, sternum and spine."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medscience.simulate.fields import Field, ellipsoid, smooth, union
from medscience.simulate.thorax.canvas import BodyPlace, Canvas

SKIN, FAT, MUSCLE, CARTILAGE = 20.0, -100.0, 55.0, 110.0
MARROW, CORTEX = 220.0, 850.0
DISC, CORD = 85.0, 35.0
LEVEL = 27.0
"""Millimetres from a vertebra, or a rib, to the next."""


@dataclass(frozen=True, slots=True)
class Build:
    """How a person is built; millimetres."""

    half_width: float
    half_depth: float
    fat: float
    """Thickness of the fat at the sides."""
    dome: float
    """Height of the right half of the diaphragm when breathed out; the world's origin is at 0."""
    first_rib: float
    """Height at the back of one of the ribs."""

    @classmethod
    def drawn(cls, random: np.random.Generator) -> "Build":
        """Draw an adult."""
        return cls(
            half_width=random.uniform(146, 172),
            half_depth=random.uniform(94, 118),
            fat=random.uniform(5, 16),
            dome=random.uniform(-38, -14),
            first_rib=random.uniform(0, LEVEL),
        )

    @property
    def spine(self) -> float:
        """Where the middle of the vertebrae is, to the front."""
        return -self.half_depth + self.fat * 0.7 + 52


def cylinder(place: BodyPlace, half_width: Field | float, half_depth: Field | float) -> Field:
    """Return about the depth below an upright, somewhat boxy cylinder's surface, in mm."""
    r = (np.abs(place.x / half_width) ** 2.2 + np.abs(place.y / half_depth) ** 2.2) ** (1 / 2.2)
    slope = np.hypot(place.x, place.y) / np.maximum(r, 1e-3)
    return np.asarray((1 - r) * slope, np.float32)


def paint_trunk(canvas: Canvas, build: Build, random: np.random.Generator) -> Field:
    """Paint all that lies around the chest's cavity, and return the depth below the cavity's wall in mm."""
    place = canvas.place
    narrow = 1 - 0.1 * np.clip((place.z - 20) / 130, 0, 1) ** 2
    wave = 2.5 * smooth(random, place, 90)
    skin = cylinder(place, build.half_width * narrow, build.half_depth) + wave
    canvas.paint(skin, SKIN)
    canvas.paint(skin - 2, FAT + 8 * smooth(random, place, 30))
    back = np.clip(-place.y / build.half_depth, 0, 1)
    fat = build.fat * (1 - 0.35 * back) * (1 + 0.2 * smooth(random, place, 70))
    meat = skin - 2 - fat
    canvas.paint(meat, MUSCLE + 6 * smooth(random, place, 14))
    seams = np.abs(smooth(random, place, 34)) < 0.09
    canvas.blend(np.where(seams, 0.7 * canvas.cover(meat - 4), 0).astype(np.float32), FAT)
    wall = build.fat * (1 - 0.35 * back) + 21 + 8 * back
    top = np.clip((place.z - 40) / 150, 0, 1)
    cage = (
        cylinder(
            place, build.half_width * narrow - build.fat - 24 - 22 * top, build.half_depth - wall - 8 * top
        )
        + 0.5 * wave
    )
    _ribs(canvas, build, cage)
    _sternum(canvas, build, cage)
    _spine(canvas, build, random)
    return cage


def _ribs(canvas: Canvas, build: Build, cage: Field) -> None:
    """Paint the ribs: from the spine down to the front, in bone and at last in cartilage."""
    place = canvas.place
    turn = np.arctan2(np.abs(place.x), -place.y) / np.pi  # 0 at the back, 1 in front
    fall = 78 * np.sin(np.pi / 2 * np.clip(turn / 0.8, 0, 1)) ** 2 - 30 * np.clip((turn - 0.8) / 0.2, 0, 1)
    height = (place.z + fall - build.first_rib + LEVEL / 2) % LEVEL - LEVEL / 2
    depth = 1 - np.hypot(height / 6.0, (cage + 4.0) / 4.2)
    rib = np.asarray(4.2 * depth, np.float32)
    rib = np.minimum(rib, np.abs(place.x) - 17)
    bony = np.clip((0.83 - turn) / 0.02, 0, 1)
    shell = np.clip(1.6 - rib, 0, 1)
    canvas.paint(rib, CARTILAGE + bony * (MARROW - CARTILAGE + shell * (CORTEX - MARROW)))


def _sternum(canvas: Canvas, build: Build, cage: Field) -> None:
    """Paint the sternum, a plate in front."""
    place = canvas.place
    plate = np.minimum(5.0 - np.abs(cage + 5.5), 17 - np.abs(place.x))
    plate = np.minimum(plate, np.minimum(place.y, place.z - build.dome - 8))
    canvas.paint(plate, MARROW - 60 + np.clip(1.6 - plate, 0, 1) * 380)


def _spine(canvas: Canvas, build: Build, random: np.random.Generator) -> None:
    """Paint vertebrae, discs, the canal with the cord, and the processes."""
    place, y = canvas.place, build.spine
    level = (place.z - build.first_rib + LEVEL / 2) % LEVEL - LEVEL / 2
    waist = 1.5 * np.cos(2 * np.pi * level / LEVEL)
    body = 1 - np.hypot(place.x / (17 - waist), (place.y - y) / (14 - waist))
    body = np.asarray(14 * body, np.float32)
    vertebra = np.minimum(body, LEVEL / 2 - 3 - np.abs(level))
    canvas.paint(body, DISC)
    canvas.paint(vertebra, MARROW - 30 + 30 * smooth(random, place, 12) + np.clip(1.8 - vertebra, 0, 1) * 330)
    ring = 14 - np.hypot(place.x, place.y - y + 24)
    arch = np.minimum(ring, 10 - np.abs(level))
    processes = np.maximum(
        np.minimum(
            3.5 - np.abs(place.x), np.minimum(8 - np.abs(level + 7), _between(place.y, y - 60, y - 30))
        ),
        np.minimum(5 - np.hypot(place.y - y + 26, level), _between(np.abs(place.x), 0, 34)),
    )
    bone = np.maximum(arch, processes)
    canvas.paint(bone, MARROW + np.clip(1.8 - bone, 0, 1) * 450)
    canvas.paint(np.asarray(8.5 - np.hypot(place.x, place.y - y + 23), np.float32), CORD)


def _between(value: Field, low: float, high: float) -> NDArray[np.float32]:
    """Depth below the ends of an interval."""
    return np.asarray(np.minimum(value - low, high - value), np.float32)


def spine_space(place: BodyPlace, build: Build) -> Field:
    """Return the depth within the space that the spine, and what lies around it, takes of the chest."""
    endless = 20_000.0
    column = ellipsoid(place, (0, build.spine - 8, 0), (endless, 30, 27))
    return union(column, np.minimum(22 - np.abs(place.x), build.spine - place.y))
