"""Sample data: simulated, so that their truth is known and nobody's privacy is touched."""

import napari
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medscience.description import Label
from medscience.geometry import Geometry, Sizes, Triple, as_affine
from medscience.image import Image, Meaning
from medscience.simulate.head import LABELS, simulate_head
from napari_medscience.camera import face_the_patient
from napari_medscience.layers import LayerData, image_layer, labels_layer
from napari_medscience.upright import sliceable

PALETTE = (
    (0, 114, 178),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (213, 94, 0),
    (240, 228, 66),
)
"""Colours that people with colour-blind eyes can tell apart (Okabe and Ito 2008)."""

PHASES = 10
PERIOD = 4.0
"""Seconds of one breath."""
AMPLITUDE = 10.0
"""Millimetres that the tumour moves down and up again."""


def head() -> list[LayerData]:
    """Return a simulated T1 scan and its true labels."""
    made = simulate_head(seed=1)
    meaning = Meaning(made.geometry)
    labels = [
        Label(value=value, name=name, color=PALETTE[(value - 1) % len(PALETTE)] if value else (0, 0, 0))
        for value, name in LABELS.items()
    ]
    face_the_patient(napari.current_viewer())
    image = sliceable([Image(made.image, meaning)], "simulated-head", is_labels=False)
    truth = sliceable([Image(made.labels, meaning)], "simulated-head-truth", is_labels=True)
    return [image_layer("head", image), labels_layer("head · truth", truth, labels)]


ORGANS = ("liver", "lesion", "spleen", "right kidney", "left kidney", "spine")
"""Labels 1 to 6 of the abdomen."""


def abdomen() -> list[LayerData]:
    """Return a simulated CT of the abdomen and its true labels."""
    values, truth, geometry = simulate_abdomen()
    labels = [
        Label(value=value, name=name, color=PALETTE[value - 1]) for value, name in enumerate(ORGANS, start=1)
    ]
    face_the_patient(napari.current_viewer())
    image = image_layer("abdomen", [Image(values, Meaning(geometry, value_unit="HU"))])
    image[1]["contrast_limits"] = (-160.0, 240.0)
    return [image, labels_layer("abdomen · truth", [Image(truth, Meaning(geometry))], labels)]


def simulate_abdomen(
    shape: Sizes = (80, 120, 160), spacing: Triple = (3.0, 2.4, 2.4), seed: int = 1
) -> tuple[NDArray[np.int16], NDArray[np.uint8], Geometry]:
    """Return a CT of ellipsoids in Hounsfield units with noise, its true labels, and their grid.

    The background is 0, `ORGANS` follow from 1.
    """
    z, y, x = (
        ((np.arange(n) - (n - 1) / 2) * step)
        .astype(np.float32)
        .reshape([-1 if m == axis else 1 for m in range(3)])
        for axis, (n, step) in enumerate(zip(shape, spacing, strict=True))
    )
    values = np.full(shape, -1000, dtype=np.float32)
    labels = np.zeros(shape, dtype=np.uint8)

    def put(middle: Triple, radii: Triple, hounsfield: float, label: int = 0) -> None:
        inside = sum(
            ((axis - m) / r) ** 2 for axis, m, r in zip((x, y, z), middle, radii, strict=True)
        ) < np.float32(1)
        values[inside] = hounsfield
        labels[inside] = label

    far = 1e6
    put((0, 0, 0), (168, 122, far), -100)  # fat under the skin
    put((0, 2, 0), (156, 110, far), 30)
    put((70, 0, 130), (75, 85, 100), -820)  # bases of the lungs
    put((-70, 0, 130), (75, 85, 100), -820)
    put((62, 12, 20), (80, 78, 68), 105, 1)
    put((88, 30, 8), (17, 16, 15), 45, 2)
    put((-98, -28, 30), (34, 36, 46), 115, 3)
    put((62, -52, -48), (26, 24, 44), 160, 4)
    put((-66, -52, -38), (26, 24, 44), 160, 5)
    put((0, -66, 0), (22, 20, far), 350, 6)
    put((0, -94, 0), (6, 12, far), 300, 6)
    put((-8, -34, 0), (11, 11, far), 170)  # aorta
    put((-50, 45, 35), (40, 30, 30), 10)  # stomach
    noise = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    matrix = np.zeros((4, 4))
    matrix[[2, 1, 0], [0, 1, 2]] = spacing
    matrix[:, 3] = [*(-(n - 1) / 2 * step for n, step in zip(shape, spacing, strict=True)), 1]
    matrix[:3, 3] = matrix[:3, 3][::-1]
    seen = ndimage.gaussian_filter(values, 0.6) + 14 * noise
    return np.rint(seen).astype(np.int16), labels, Geometry(shape, as_affine(matrix))


def breathing() -> list[LayerData]:
    """Return a chest whose tumour moves by 10 mm: axes (t, z, y, x), 0.4 s and 2 mm apart."""
    spacing, shape = 2.0, (60, 80, 100)
    z, y, x = (
        (n - (size - 1) / 2) * spacing for n, size in zip(np.ogrid[:60, :80, :100], shape, strict=True)
    )
    volumes = np.full((PHASES, *shape), -1000, dtype=np.int16)
    for phase, volume in enumerate(volumes):
        down = AMPLITUDE * (1 - np.cos(2 * np.pi * phase / PHASES)) / 2
        volume[np.broadcast_to((x / 90) ** 2 + (y / 65) ** 2 < 1, shape)] = 40
        for side in (-42, 42):
            top = ((x - side) / 32) ** 2 + (y / 45) ** 2 + ((z + 25 + down) / 75) ** 2 < 1
            volume[top & (z > -25 - down)] = -800
        volume[(x / 14) ** 2 + ((y + 45) / 14) ** 2 + 0 * z < 1] = 400
        volume[(x - 40) ** 2 + y**2 + (z + down) ** 2 < 9**2] = 60
    matrix = np.zeros((4, 4))
    matrix[[2, 1, 0], [0, 1, 2]] = spacing
    matrix[:, 3] = [*(-(n - 1) / 2 * spacing for n in shape[::-1]), 1]
    face_the_patient(napari.current_viewer())
    meaning = Meaning(Geometry(shape, as_affine(matrix)), "tzyx", "HU", PERIOD / PHASES)
    return [image_layer("breathing phantom", [Image(volumes, meaning)])]
