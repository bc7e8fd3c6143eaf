"""From tissues to what a scanner writes: field of view, blur, bias field, motion, noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

from medscience.geometry import Geometry, Sizes, Triple, as_affine
from medscience.simulate.anatomy import HIGH, LOW, Anatomy
from medscience.simulate.fields import Field, Place, rotation, smooth
from medscience.simulate.tissues import LABELS, LESION_LABEL, Tissue, truth

MIDDLE: Triple = ((LOW[0] + HIGH[0]) / 2, (LOW[1] + HIGH[1]) / 2, (LOW[2] + HIGH[2]) / 2)
"""The middle of the head's box, in millimetres along (z, y, x)."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a head is scanned."""

    shape: Sizes
    """Number of voxels along the array's axes."""
    spacing: Triple
    """Millimetres along the same axes."""
    axes: str = "SAR"
    """Where these axes run."""
    tilt: Triple = (0.0, 0.0, 0.0)
    """Degrees by which the field of view is turned about the axes to the right, the face and the crown."""
    centre: Triple = MIDDLE
    """The middle of the field of view, in millimetres along (z, y, x)."""

    @property
    def geometry(self) -> Geometry:
        """Where the voxels lie in the world."""
        steps = np.zeros((3, 3))
        for column, (letter, step) in enumerate(zip(self.axes, self.spacing, strict=True)):
            steps["LRPAIS".index(letter) // 2, column] = step if letter in "RAS" else -step
        matrix = np.eye(4)
        matrix[:3, :3] = rotation(np.array(self.tilt)) @ steps
        matrix[:3, 3] = np.array(self.centre)[::-1] - matrix[:3, :3] @ ((np.array(self.shape) - 1) / 2)
        return Geometry(self.shape, as_affine(matrix))


def isotropic(spacing: float = 1.0) -> Protocol:
    """Return a scan of the whole head, straight, with cubes for voxels."""
    box = (high - low for low, high in zip(LOW, HIGH, strict=True))
    z, y, x = (int(length / spacing) for length in box)
    return Protocol((z, y, x), (spacing,) * 3)


def draw_protocol(random: np.random.Generator) -> Protocol:
    """Return a protocol as clinics use them: orientation, voxels and field of view differ.

    Voxels are 0.9 to 1.1 mm in the slice and up to 1.4 mm across; the brain is always inside.
    """
    axes = str(random.choice(["RAS", "LAS", "LPS", "ASR", "PSR", "AIL", "LIA", "RSA"]))
    fine, across = random.uniform(0.9, 1.1), random.uniform(1.0, 1.4)
    spacing = [fine, fine, fine]
    spacing[int(random.integers(3))] = max(across, fine)
    length = {"S": random.uniform(190, 208), "A": random.uniform(205, 226), "R": random.uniform(165, 182)}
    opposite = {"I": "S", "P": "A", "L": "R"}
    i, j, k = (
        round(length[opposite.get(letter, letter)] / s) for letter, s in zip(axes, spacing, strict=True)
    )
    z, y, x = (middle + random.uniform(-3, 3) for middle in MIDDLE)
    tilt = random.normal(0, 5, 3) if random.random() < 0.7 else np.zeros(3)
    right, face, crown = np.clip(tilt, -12, 12).tolist()
    one, two, three = np.round(spacing, 3).tolist()
    return Protocol((i, j, k), (one, two, three), axes, (right, face, crown), (z + 4, y, x))


def measure(
    anatomy: Anatomy, bright: Field, geometry: Geometry, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Return what a scanner stores of a head, on a grid.

    Parameters
    ----------
    bright : Field
        Brightness of each tissue, shape (tissues,).
    """
    signal = bright[anatomy.tissues]
    signal *= 1 + 0.02 * gaussian_filter(random.standard_normal(signal.shape, dtype=np.float32), 1.0) / 0.09
    signal = _on_grid(signal, anatomy, geometry, outside=float(bright[Tissue.AIR]))
    place = _box_of(geometry)
    signal *= np.exp(random.uniform(0.05, 0.2) * smooth(random, place, 170))
    signal = _move(signal, random)
    reference = np.percentile(signal, 99)
    noise = random.uniform(0.008, 0.03) * reference
    real = signal + noise * random.standard_normal(signal.shape, dtype=np.float32)
    imaginary = noise * random.standard_normal(signal.shape, dtype=np.float32)
    top = np.percentile(signal, 99.8) * random.uniform(1.05, 1.5)
    return np.asarray(np.clip(np.rint(np.hypot(real, imaginary) * (255 / top)), 0, 255), dtype=np.uint8)


def true_labels(anatomy: Anatomy, geometry: Geometry) -> NDArray[np.uint8]:
    """Return the truth label that fills most of each voxel of a grid; ties go to the smaller one."""
    labels = truth(anatomy.tissues)
    best = np.zeros(geometry.shape, dtype=np.uint8)
    most = np.full(geometry.shape, -1.0, dtype=np.float32)
    for label in (*LABELS, LESION_LABEL):
        part = _on_grid((labels == label).astype(np.float32), anatomy, geometry)
        best[part > most] = label
        most = np.maximum(part, most)
    return best


def _on_grid(values: Field, anatomy: Anatomy, geometry: Geometry, outside: float = 0.0) -> Field:
    """Blur by the voxel's size, and read the values where a grid's voxels lie."""
    start = np.eye(4)
    start[:3, :3] = np.eye(3)[::-1] * anatomy.step
    start[:3, 3] = LOW[::-1]
    change = np.linalg.inv(start) @ np.asarray(geometry.affine)
    widths = [0.42 * np.linalg.norm(row) for row in change[:3, :3]]
    blurred = gaussian_filter(values, widths)
    read = affine_transform(blurred, change[:3, :3], change[:3, 3], geometry.shape, order=1, cval=outside)
    return np.asarray(read, dtype=np.float32)


def _box_of(geometry: Geometry) -> Place:
    axes = [
        s * (np.arange(n, dtype=np.float32) - n / 2)
        for n, s in zip(geometry.shape, geometry.spacing, strict=True)
    ]
    return Place(*np.meshgrid(*axes, indexing="ij", sparse=True))


def _move(signal: Field, random: np.random.Generator) -> Field:
    """Let the head nod while lines of k-space are taken: faint ghosts along the phase axis.

    A shift of d voxels while line k is taken turns its phase by 2 pi k d / n.
    """
    axis = int(random.integers(2))
    n = signal.shape[axis]
    lines = np.fft.rfft(signal, axis=axis)
    k = np.arange(lines.shape[axis])
    period, amplitude = random.uniform(3, 9), random.uniform(0.0, 0.25)
    drift = amplitude * np.sin(2 * np.pi * k / period + random.uniform(0, 6.3))
    phase = np.exp(-2j * np.pi * k * drift / n)
    moved = np.fft.irfft(lines * np.expand_dims(phase, tuple(a for a in range(3) if a != axis)), n, axis=axis)
    return np.asarray(np.abs(moved), dtype=np.float32)
