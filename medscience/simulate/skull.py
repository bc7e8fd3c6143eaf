"""What lies around the brain: fluid, dura, skull, scalp, eyes, face and neck."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from medscience.simulate.fields import Field, Place, capsule, ellipsoid, smooth, true_distance, union
from medscience.simulate.tissues import Tissue


def around(
    random: np.random.Generator, place: Place, brain: Field, tissues: NDArray[np.uint8], step: float
) -> None:
    """Paint everything outside the brain.

    Parameters
    ----------
    brain : Field
        Depth below the brain's outline in mm.
    tissues : array
        Written to, where it holds air.
    """
    outside = tissues == Tissue.AIR
    dome = true_distance(ellipsoid(place, (11, -6, 0), (59, 89, 68)), step)
    round_brain = gaussian_filter(union(brain, np.minimum(dome, place.z + 10), blend=6), 4 / step)
    vault = true_distance(round_brain, step) + 2.2 + 0.5 * smooth(random, place, 60)
    bone = 5.5 + 1.3 * smooth(random, place, 50)
    face = union(
        ellipsoid(place, (-60, 38, 0), (62, 50, 56)),
        capsule(place, (-20, -28, 0), (-150, -40, 0), 56),
        blend=25,
    )
    head = union(vault + bone + 5.5 + 0.8 * smooth(random, place, 80), face, blend=10)
    skin = true_distance(head, step)
    _soft_tissue(random, place, outside & (skin > 0), skin, tissues)
    _holes(random, place, outside & (skin > 6), tissues)
    shell = outside & (vault > -bone) & (vault <= 0)
    tissues[shell] = Tissue.BONE
    spongy = smooth(random, place, 18) > -0.2
    tissues[shell & spongy & (vault < -2.0) & (vault > 2.0 - bone)] = Tissue.MARROW
    within = outside & (vault > 0)
    tissues[within] = Tissue.FLUID
    tissues[within & (vault < 1.1)] = Tissue.DURA
    sinus = np.hypot(place.side, np.maximum(2.2 - vault, 0)) < 3.0
    tissues[within & sinus & (place.z > 5) & (vault < 6)] = Tissue.BLOOD


def _soft_tissue(
    random: np.random.Generator,
    place: Place,
    inside: NDArray[np.bool_],
    skin: Field,
    tissues: NDArray[np.uint8],
) -> None:
    """Paint skin, the fat under it, and muscle with fat between below the ears."""
    mixed = smooth(random, place, 22)
    tissues[inside] = Tissue.FAT
    low = place.z < 12 + 6 * smooth(random, place, 40)
    tissues[inside & (skin > 4) & low & (mixed > -0.7)] = Tissue.MUSCLE
    tissues[inside & (skin > 14) & (smooth(random, place, 26) > 1.1)] = Tissue.BONE
    tissues[inside & (skin > 14) & (smooth(random, place, 16) > 1.6)] = Tissue.BLOOD
    tissues[inside & (skin < 1.6)] = Tissue.SKIN


def _holes(
    random: np.random.Generator, place: Place, inside: NDArray[np.bool_], tissues: NDArray[np.uint8]
) -> None:
    """Paint eyes, nose, sinuses and the air cells behind the ears."""
    rough = 3 * smooth(random, place, 15)
    nose = union(
        ellipsoid(place, (-52, 62, 4), (26, 36, 9)),
        ellipsoid(place, (-50, 58, 26), (16, 16, 12)),
        ellipsoid(place, (-36, 30, 0), (9, 11, 12)),
        capsule(place, (-60, 18, 0), (-110, 8, 0), 9),
    )
    mastoid = ellipsoid(place, (-40, -32, 56), (16, 13, 12))
    tissues[inside & (nose + rough > 0)] = Tissue.AIR
    tissues[inside & (mastoid + 2 * rough > 2)] = Tissue.AIR
    socket = ellipsoid(place, (-36, 52, 31), (17, 26, 17))
    tissues[inside & (socket > 0)] = Tissue.FAT
    tissues[inside & (capsule(place, (-36, 58, 32), (-32, 30, 14), 3.0) > 0)] = Tissue.MUSCLE
    eye = ellipsoid(place, (-36, 58, 32), (12, 12, 12))
    tissues[inside & (eye > 0)] = Tissue.EYE
    tissues[inside & (np.abs(eye - 1) < 1)] = Tissue.MUSCLE
