"""Training pairs whose brightness is drawn anew each time, so that a network learns shape and not contrast.

The way of SynthSeg (Billot et al. 2023, doi:10.1016/j.media.2023.102789): from a map of tissues, random
brightness, blur, bias field and noise.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from medscience.geometry import Sizes
from medscience.simulate.anatomy import anatomy
from medscience.simulate.fields import Field, Place, smooth
from medscience.simulate.scanner import isotropic
from medscience.simulate.tissues import Tissue, random_brightness, truth

MARGIN = 4
"""Voxels around a patch, so that its blur knows its surroundings."""

EMPTIED = 0.4
"""Part of the scans whose air away from the head is exactly zero, and whose field of view is larger: some
programs write them so. A network that never saw zeros takes them for the padding at a patch's border."""


def tissue_map(seed: int, axes: str) -> NDArray[np.uint8]:
    """Return the tissues of a head at 1 mm, its axes running as `axes` says, such as LIA."""
    change = isotropic(1.0).geometry.reorientation(axes)
    return np.ascontiguousarray(change.apply(anatomy(seed, 1.0).tissues))


def drawn_patches(
    maps: Sequence[NDArray[np.uint8]], patch: Sizes, seed: int
) -> Iterator[tuple[Field, NDArray[np.uint8]]]:
    """Yield patches of drawn images and their truth labels, both of shape `patch`, for ever.

    The image is scaled to 0 to 1 between its whole head's 2 % and 98 % quantiles and clipped, half of
    the patches are mirrored along the first axis, which must run left-right.
    """
    random = np.random.default_rng(seed)
    while True:
        tissues = maps[int(random.integers(len(maps)))]
        if random.random() < 0.5:
            tissues = tissues[::-1]
        start = [
            int(random.integers(MARGIN, n - p - MARGIN + 1))
            for n, p in zip(tissues.shape, patch, strict=True)
        ]
        centre = tuple(s + p // 2 for s, p in zip(start, patch, strict=True))
        if not truth(tissues[centre]) and random.random() < 0.8:
            continue  # most patches lie in the brain, some in the face and the neck
        wide = tuple(slice(s - MARGIN, s + p + MARGIN) for s, p in zip(start, patch, strict=True))
        inner = (slice(MARGIN, -MARGIN),) * 3
        yield _draw(tissues, wide, random)[inner], truth(tissues[wide][inner])


def _draw(tissues: NDArray[np.uint8], region: tuple[slice, ...], random: np.random.Generator) -> Field:
    bright = random_brightness(random)
    noise = random.uniform(0.005, 0.035) * np.percentile(bright, 90)
    spread = random.uniform(0.0, 0.04)

    def scanned(part: NDArray[np.uint8], widths: Sequence[float] | None) -> Field:
        signal = bright[part]
        if widths is not None:
            texture = gaussian_filter(random.standard_normal(part.shape, dtype=np.float32), 1.0) / 0.09
            signal = gaussian_filter(signal * (1 + spread * texture), widths)
            signal *= np.exp(random.uniform(0.0, 0.2) * smooth(random, _millimetres(part.shape), 170))
        grain = noise * random.standard_normal((2, *part.shape), dtype=np.float32)
        return np.asarray(np.hypot(signal + grain[0], grain[1]), dtype=np.float32)

    image = scanned(tissues[region], random.uniform(0.35, 0.8, 3).tolist())
    if random.random() < 0.5:  # a scan that was resampled has smoother noise
        image = gaussian_filter(image, random.uniform(0.2, 0.45))
    seen = tissues[:, : -int(random.integers(1, 50))].reshape(-1)  # the field of view ends in the neck
    sample = scanned(random.choice(seen, 20_000), None)
    if random.random() < EMPTIED:
        image[_far_air(tissues[region], random.uniform(1.0, 4.0))] = 0
        sample = np.concatenate([sample, np.zeros(int(random.uniform(0, 40_000)), np.float32)])
    low, high = np.quantile(sample, [0.02, 0.98])
    return np.asarray(np.clip((image - low) / max(high - low, 1e-3), 0, 1), dtype=np.float32)


def _far_air(tissues: NDArray[np.uint8], distance: float) -> NDArray[np.bool_]:
    """Return where there is air only, within about so many voxels."""
    near = gaussian_filter((tissues != Tissue.AIR).astype(np.float32), distance)
    return near < 0.02


def _millimetres(shape: tuple[int, ...]) -> Place:
    axes = (np.arange(n, dtype=np.float32) for n in shape)
    return Place(*np.meshgrid(*axes, indexing="ij", sparse=True))
