"""Sample data: simulated, so that their truth is known and nobody's privacy is touched."""

import napari
import numpy as np

from medscience.description import Label
from medscience.geometry import Geometry, as_affine
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
