"""The brain: folded cortex, white matter, ventricles, deep nuclei, cerebellum, brainstem."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medscience.simulate.fields import Bumps, Field, Place, capsule, ellipsoid, smooth, true_distance, union
from medscience.simulate.tissues import Tissue


@dataclass(frozen=True, slots=True)
class Hulls:
    """Depth below the outer surfaces in mm, negative outside."""

    cerebrum: Field
    cerebellum: Field
    brainstem: Field

    @property
    def brain(self) -> Field:
        """All three, without the creases between them."""
        return union(self.cerebrum, self.cerebellum, self.brainstem, blend=8)


def hulls(place: Place, step: float) -> Hulls:
    """Return the smooth outlines of the parts of the brain."""
    dome = ellipsoid(place, (12, -6, 13), (58, 88, 55))
    back = 0.5 - 0.5 * np.tanh((place.y + 32) / 10)
    base = (
        place.z + 21 - back * (6 + 7 * np.exp(-((place.side / 22) ** 2)))
    )  # the tentorium rises to the middle
    temporal = union(
        capsule(place, (-24, 24, 40), (-12, -30, 46), 19),
        ellipsoid(place, (-14, -8, 44), (24, 44, 23)),
        blend=6,
    )
    cerebrum = union(np.minimum(true_distance(dome, step), base), temporal, blend=6)
    cerebellum = union(
        ellipsoid(place, (-38, -58, 24), (22, 29, 29)), ellipsoid(place, (-32, -52, 0), (25, 24, 14)), blend=6
    )
    brainstem = union(
        capsule(place, (0, -16, 5), (-30, -22, 0), 13.5),
        capsule(place, (-30, -22, 0), (-110, -40, 0), 8.0),
        ellipsoid(place, (-27, -14, 0), (14, 12, 16)),
        blend=4,
    )
    return Hulls(cerebrum, true_distance(cerebellum, step), brainstem)


def fissure(place: Place) -> Field:
    """Return the distance in mm to the gap between the hemispheres, which ends at the corpus callosum."""
    core = ellipsoid(place, (0, -4, 0), (24, 42, 400))
    return np.hypot(place.side, np.maximum(core, 0))


def beyond_sulci(place: Place) -> Field:
    """Return the depth in mm inside the middle of the brain, which no sulcus reaches; negative outside."""
    return union(ellipsoid(place, (0, -6, 0), (24, 42, 30)), ellipsoid(place, (12, -10, 18), (13, 50, 14)))


def sylvian(place: Place, wind: Field) -> Field:
    """Return the distance in mm to the lateral sulcus and to the gap over the insula; both `wind`."""
    slope = 0.33
    height = (place.z + 5 + slope * (place.y - 5)) / np.hypot(1, slope) + 2.0 * wind
    along = np.maximum(np.abs(place.y - 2) - 32, 0)
    cut = np.sqrt(height**2 + along**2 + np.maximum(39 - place.side, 0) ** 2)
    low, far = np.maximum(np.abs(height - 3) - 9, 0), np.maximum(np.abs(place.y - 2) - 22, 0)
    insula = np.sqrt((place.side - 39 + 1.5 * wind) ** 2 + low**2 + far**2)
    return np.asarray(np.minimum(cut, insula))


def sulci(random: np.random.Generator, place: Place, depth: Field, bottom: Field) -> Field:
    """Return the distance in mm to the nearest sulcus.

    Sulci are sheets where a band of a random field changes its sign. The field is read on the way
    from a hemisphere's middle outwards, so that the sheets stand upright on the surface, as real ones do.

    Parameters
    ----------
    place, depth, bottom : arrays (N,)
        Voxels, their depth below the hull in mm, and where the deepest sulci end.
    """
    centre, radii = (6.0, -6.0, 24.0), (58.0, 88.0, 44.0)
    side = np.sign(place.x) * centre[2]
    parts = [place.z - centre[0], place.y - centre[1], place.x - side]
    r = np.sqrt(sum((p / s) ** 2 for p, s in zip(parts, radii, strict=True))) + 1e-3
    shrink = 0.55 + 0.45 / r  # 0.55: sheets bend a little on their way down
    z, y, x = (p * shrink for p in parts)
    outward = Place(z + centre[0], y + centre[1], x + side)
    nearest = np.full(depth.shape, 99.0, dtype=np.float32)
    for wavelength, part in ((random.uniform(30, 36), 1.0), (random.uniform(20, 24), 0.28)):
        bumps = Bumps(random, wavelength, band=True)
        slope = bumps.slope().at(outward)
        away = np.abs(bumps.at(outward)) / np.hypot(slope, 0.45 * slope.mean()) * np.minimum(r, 1.1)
        nearest = np.minimum(nearest, np.hypot(away, np.maximum(depth - part * bottom, 0)))
    return nearest


def folded(
    random: np.random.Generator, place: Place, hull: Field, tissues: NDArray[np.uint8], age: float
) -> None:
    """Paint the cerebrum: fluid in the sulci, cortex along them, white matter within."""
    inside = hull > 0
    width, thickness, bottom, wind = (smooth(random, place, scale)[inside] for scale in (25, 30, 45, 28))
    place, hull = place.where(inside), hull[inside]
    depth = np.minimum(hull, fissure(place))
    core = np.maximum(beyond_sulci(place) + 3, 0)
    near = sulci(random, place, depth + 2 * core, np.clip(15 + 4.5 * bottom, 5, 22))
    near = np.minimum(near, sylvian(place, wind) - 0.4 - 0.7 * age)
    opening = (0.3 + 0.5 * age) * np.clip(1 - depth / 18, 0, 1) + 0.2 * age
    pial = np.minimum(depth - 0.4 - 0.4 * age, near - opening * np.clip(1 + 0.4 * width, 0.1, 2))
    cortex = random.uniform(2.1, 2.5) - 0.2 * age + 0.3 * thickness
    tissues[inside] = np.select([pial > cortex, pial > 0], [Tissue.WHITE, Tissue.CORTEX], Tissue.FLUID)


def cerebellum(random: np.random.Generator, place: Place, hull: Field, tissues: NDArray[np.uint8]) -> None:
    """Paint the cerebellum: grey leaves around a white tree."""
    centre = (-30.0, -30.0)
    leaves = np.arctan2(place.z - centre[0], place.y - centre[1]) * 26 + 2.5 * smooth(random, place, 30)
    leaf = np.abs((leaves / 6.5) % 1 - 0.5) * 6.5  # mm from the middle of a leaf, every 6.5 mm
    inside = hull > 0
    tissues[inside] = Tissue.CEREBELLAR_GREY
    tissues[inside & (leaf > 2.8) & (hull < 4)] = Tissue.FLUID
    tissues[inside & (hull > 3.5) & (leaf < 0.8)] = Tissue.WHITE
    tissues[inside & (hull > 14 + 2 * smooth(random, place, 20))] = Tissue.WHITE


def deep_structures(place: Place, tissues: NDArray[np.uint8], size: float) -> None:
    """Paint nuclei and ventricles; `size` scales the ventricles."""
    nuclei = (
        (Tissue.DEEP_GREY, ellipsoid(place, (4, -17, 10), (9.5, 15, 9.5))),  # thalamus
        (Tissue.DEEP_GREY, ellipsoid(place, (8, 15, 14), (9, 13, 6))),  # caudate, head
        (Tissue.DEEP_GREY, capsule(place, (15, 8, 15), (19, -22, 19), 3.2)),  # caudate, body
        (Tissue.DEEP_GREY, ellipsoid(place, (0, 3, 26), (11, 17, 5.5))),  # putamen
        (Tissue.PALLIDUM, ellipsoid(place, (-2, -2, 20.5), (6.5, 9, 4))),
        (Tissue.DEEP_GREY, capsule(place, (-15, -10, 24), (-5, -34, 24), 4.5)),  # hippocampus
        (Tissue.DEEP_GREY, ellipsoid(place, (-18, -2, 23), (7, 7, 7))),  # amygdala
    )
    for tissue, depth in nuclei:
        tissues[(depth > 0) & np.isin(tissues, (Tissue.WHITE, Tissue.CORTEX, Tissue.DEEP_GREY))] = tissue
    ventricles = union(
        capsule(place, (8, 27, 10), (14, 8, 7), 4.2 * size),
        capsule(place, (16, 8, 6), (19, -24, 11), 4.6 * size),
        capsule(place, (17, -24, 12), (6, -40, 22), 5.4 * size),
        capsule(place, (3, -40, 23), (-15, -14, 32), 2.0 * size),
        capsule(place, (6, -40, 22), (6, -62, 22), 3.0 * size),
        blend=2,
    )
    third = np.minimum(ellipsoid(place, (0, -10, 0), (11, 15, 99)), 0.9 + 0.9 * size - place.side)
    fourth = ellipsoid(place, (-34, -38, 0), (10, 6, 7))
    septum = place.side < 0.7
    tissues[(ventricles > 0) & ~septum] = Tissue.FLUID
    tissues[(third > 0) | (fourth > 0)] = Tissue.FLUID


def below_the_skull(place: Place, tissues: NDArray[np.uint8]) -> None:
    """Turn what leaves the skull at its base into spinal cord and its fluid: they are not brain."""
    left = place.z < -66
    tissues[left & (tissues == Tissue.BRAINSTEM)] = Tissue.CORD
    tissues[left & (tissues == Tissue.FLUID)] = Tissue.CANAL
