"""The tissues of a head, what a scanner measures of each, and which truth label each has."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LABELS = {0: "background", 1: "White Matter", 2: "Grey Matter", 3: "CSF"}
"""The truth's labels: the published three-class models' numbers, and 3 for cerebrospinal fluid."""

LESION_LABEL = 4
"""Truth label of a lesion, in heads that have some."""

Contrast = Literal["T1", "T2", "random"]


class Tissue(IntEnum):
    """What a voxel of the anatomy holds."""

    AIR = 0
    WHITE = 1
    CORTEX = 2
    FLUID = 3
    """Cerebrospinal fluid, in the ventricles, the sulci and around the brain."""
    DEEP_GREY = 4
    """Thalamus, caudate, putamen, hippocampus, amygdala."""
    PALLIDUM = 5
    """Grey matter with so much iron and myelin that it looks nearly white."""
    BRAINSTEM = 6
    """White matter with many small nuclei, counted as white."""
    CEREBELLAR_GREY = 7
    LESION = 8
    BLOOD = 9
    DURA = 10
    BONE = 11
    MARROW = 12
    FAT = 13
    MUSCLE = 14
    SKIN = 15
    EYE = 16
    """Vitreous humour."""
    CORD = 17
    """The spinal cord below the skull, which no longer counts as brain."""
    CANAL = 18
    """The fluid around it."""


@dataclass(frozen=True, slots=True)
class Magnetic:
    """What decides a tissue's brightness: proton density, and relaxation times in ms at 3 T."""

    density: float
    t1: float
    t2: float
    label: int = 0
    """Truth label."""


MAGNETIC = {
    Tissue.AIR: Magnetic(0.0, 1000, 10),
    Tissue.WHITE: Magnetic(0.70, 850, 72, label=1),
    Tissue.CORTEX: Magnetic(0.82, 1350, 95, label=2),
    Tissue.FLUID: Magnetic(1.00, 4200, 1500, label=3),
    Tissue.DEEP_GREY: Magnetic(0.80, 1180, 82, label=2),
    Tissue.PALLIDUM: Magnetic(0.74, 980, 60, label=2),
    Tissue.BRAINSTEM: Magnetic(0.73, 930, 76, label=1),
    Tissue.CEREBELLAR_GREY: Magnetic(0.82, 1300, 92, label=2),
    Tissue.LESION: Magnetic(0.95, 2400, 260, label=LESION_LABEL),
    Tissue.BLOOD: Magnetic(0.85, 1900, 40),
    Tissue.DURA: Magnetic(0.40, 1300, 40),
    Tissue.BONE: Magnetic(0.08, 600, 5),
    Tissue.MARROW: Magnetic(0.45, 600, 90),
    Tissue.FAT: Magnetic(0.90, 400, 110),
    Tissue.MUSCLE: Magnetic(0.80, 1400, 35),
    Tissue.SKIN: Magnetic(0.75, 900, 45),
    Tissue.EYE: Magnetic(1.00, 4000, 1200),
    Tissue.CORD: Magnetic(0.73, 930, 76),
    Tissue.CANAL: Magnetic(1.00, 4200, 1500),
}
"""Typical values at 3 T (Stanisz et al. 2005, doi:10.1002/mrm.20605, and others), rounded; T2 of fat as a
fast spin echo shows it."""


def truth(tissues: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the truth label of every voxel of a tissue map, any shape."""
    table = np.array([MAGNETIC[tissue].label for tissue in Tissue], dtype=np.uint8)
    return table[tissues]


def brightness(contrast: Contrast, random: np.random.Generator) -> NDArray[np.float32]:
    """Return the brightness of each tissue, shape (tissues,), about 0 to 1.

    T1 is an inversion-recovery gradient echo, T2 a fast spin echo, both from relaxation times that
    vary by a few percent from head to head. ``random`` knows nothing of physics: see
    `random_brightness`.
    """
    if contrast == "random":
        return random_brightness(random)
    density, t1, t2 = (
        np.array([getattr(MAGNETIC[tissue], name) for tissue in Tissue])
        * random.normal(1, spread, len(Tissue))
        for name, spread in (("density", 0.02), ("t1", 0.04), ("t2", 0.04))
    )
    if contrast == "T1":
        repetition, inversion = 2300 * random.uniform(0.9, 1.1), 1150 * random.uniform(0.9, 1.1)
        recovered = 1 - 2 * np.exp(-inversion / t1) + np.exp(-repetition / t1)
        signal = density * np.abs(recovered) * np.exp(-3.0 / t2)
    else:
        repetition, echo = 4500 * random.uniform(0.9, 1.1), 95 * random.uniform(0.9, 1.1)
        signal = density * (1 - np.exp(-repetition / t1)) * np.exp(-echo / t2)
    signal[[Tissue.FAT, Tissue.MARROW]] *= random.uniform(0.5, 0.95)  # fat is often suppressed in part
    return np.asarray(signal / signal.max(), dtype=np.float32)


GAP = 0.1
"""Least difference in brightness between white matter, grey matter and fluid in a random contrast."""

DARKEST = 0.05
"""Least brightness of white matter, grey matter and fluid: of the fluid in a T1, beside its fat."""

ORDERS = ((0, 1, 2), (2, 1, 0), (1, 2, 0))
"""White, grey and fluid from dark to bright: places of a T2 or proton density, a T1, a FLAIR scan."""


DARK_FLUID = 0.35
"""Part of the random contrasts whose fluid is nearly black, as inversion leaves it in a T1 or a FLAIR."""


def random_brightness(random: np.random.Generator) -> NDArray[np.float32]:
    """Return a brightness for each tissue, drawn without physics but for three rules.

    As SynthSeg draws it (Billot et al. 2023, doi:10.1016/j.media.2023.102789), except that air and
    compact bone stay dark, that white, grey and fluid come in one of the `ORDERS` that scanners give
    and differ by at least `GAP` (a scan that shows no difference has no answer), with `DARK_FLUID` more
    often than by chance, and that the other parts of the brain keep near to their kin.
    """
    values = random.uniform(0.05, 1.0, len(Tissue))
    brightest, orders = [1.0, 1.0, 1.0], list(ORDERS)
    if random.random() < DARK_FLUID:
        brightest, orders = [DARKEST + GAP, 1.0, 1.0], [order for order in ORDERS if order[2] == 0]
    three = np.zeros(3)
    while np.diff(three).min() < GAP:
        three = np.sort(random.uniform(DARKEST, brightest))
    white, grey, fluid = three[list(orders[int(random.integers(len(orders)))])]
    values[[Tissue.WHITE, Tissue.CORTEX, Tissue.FLUID]] = white, grey, fluid
    toward_white = random.uniform([0.0, 0.4, -0.1], [0.5, 0.9, 0.15])
    values[[Tissue.DEEP_GREY, Tissue.PALLIDUM, Tissue.CEREBELLAR_GREY]] = grey + (white - grey) * toward_white
    values[Tissue.BRAINSTEM] = white + (grey - white) * random.uniform(-0.1, 0.3)
    values[[Tissue.CORD, Tissue.CANAL]] = values[[Tissue.BRAINSTEM, Tissue.FLUID]]
    values[[Tissue.AIR, Tissue.BONE]] = random.uniform(0.0, [0.04, 0.15])
    return np.clip(values, 0, 1).astype(np.float32)
