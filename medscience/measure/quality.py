"""What makes a result of a head MRI doubtful: flags for people, none of which stops anything.

A label's tissue is one of white, grey, brain (solid), ventricle and csf (fluid). Numbers of labels come from
the measured regions, the faces of the image from full resolution, all else from the coarsest copies: memory
does not grow with the image.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import one_line
from medscience.image import Image
from medscience.measure.head import asymmetry, border_shares, coordinates
from medscience.measure.regions import Region

SOLID = ("white", "grey", "brain")
FLUID = ("csf", "ventricle")

ADULT_BRAIN_ML = (850, 1700)
"""White and grey matter of an adult, in mL. In 133 adults from 20 to over 80 years the whole brain had
1,068 (SD 88) in women and 1,162 (SD 130) in men, and all inside the skull 1,443 (PMC10511609, Table 1). The
lower end is 2.5 SD below the women's mean; the upper, 4 SD above the men's, has room for a mask that
includes the ventricles."""
BRIGHT = 0.5
"""Tissue of the head is brighter than this part of the brain's mean: air and noise are far below."""
FACE_SHARE = 0.02
"""Tissue may cover this share of a face of the image. A nose, an ear or the bare touch of a sphere as large
as a head stay below; 900 mm2 of a face of 256 x 176 mm mean that a slice of about 2 mm is missing."""
REMOVED_SHARE = 0.02
"""Of all labelled voxels, this share may be loose pieces: the published models leave less than 0.0001."""
ASYMMETRY = 0.10
"""|left - right| / (left + right): a real head had 0.005; 115 mL of 1,250 missing on one side make 0.10."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A reason to look at a result before it is used."""

    code: str
    """Stable name; scripts may match it."""
    found: str
    expected: str
    text: str
    """One line for people."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What is known of a whole head beside its regions."""

    flags: tuple[Flag, ...]
    brain_mm3: float
    intracranial_mm3: float | None
    """None where the labels cannot tell."""

    def to_json(self) -> str:
        """Return it as text that `from_json` reads."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Quality":
        """Return what `to_json` wrote.

        >>> quality = Quality((Flag("A", "1", "2", "low"),), 5.0, None)
        >>> Quality.from_json(quality.to_json()) == quality
        True
        """
        parts = json.loads(text)
        return cls(**parts | {"flags": tuple(Flag(**flag) for flag in parts["flags"])})


def quality_flags(
    regions: Sequence[Region],
    tissues: Mapping[int, str],
    image: Sequence[Image],
    labels: Sequence[Image],
    removed: tuple[int, int],
) -> tuple[Flag, ...]:
    """Return what is doubtful in a brain's labels.

    Parameters
    ----------
    regions : sequence of Region
        What `medscience.measure.regions.measure_regions` found.
    tissues : dict of int to str
        Tissue of every label of the brain; others are left out.
    image, labels : sequence of Image
        Each a pyramid: axes (z, y, x) on one grid, then the coarser copies, if any.
    removed : tuple of int
        Pieces and voxels of labels that were cleaned away.
    """
    present = [region for region in regions if region.voxels and region.label in tissues]
    solid = [region for region in present if tissues[region.label] in SOLID]
    everything = (slice(None),) * 3
    scan, numbers = image[-1].read(everything), labels[-1].read(everything)
    brain = np.isin(numbers, list(tissues))
    flags = [
        volume_flag(sum(region.volume_mm3 for region in solid)),
        pieces_flag(sum(region.voxels for region in regions), *removed),
    ]
    if solid and brain.any():
        grid = labels[-1].geometry
        height = coordinates(grid, 2)
        lowest = float(height[brain].min())
        bright = BRIGHT * _brightness(present, tissues, SOLID)
        white, grey, fluid = (_brightness(present, tissues, kinds) for kinds in (["white"], ["grey"], FLUID))
        flags += [
            cut_flag(
                [region.name for region in present if region.touches_border],
                border_shares(image[0], bright, lowest),
            ),
            contrast_flag(white, grey, _background(scan[numbers == 0]) if np.isnan(fluid) else fluid),
            sides_flag(asymmetry(brain, (scan > bright) & (height >= lowest), grid)),
        ]
    return tuple(flag for flag in flags if flag)


def volume_flag(brain_mm3: float) -> Flag | None:
    """Return a flag for a brain that is too small or too large for an adult.

    >>> volume_flag(1_300_000.0) is None
    True
    >>> volume_flag(430_000.0).text
    'a brain of 430 mL is implausible for an adult'
    """
    low, high = ADULT_BRAIN_ML
    volume = brain_mm3 / 1000
    if low <= volume <= high:
        return None
    return Flag(
        "QUALITY-VOLUME",
        f"{volume:.0f} mL",
        f"{low} to {high} mL",
        f"a brain of {volume:.0f} mL is implausible for an adult",
    )


def pieces_flag(kept: int, pieces: int, voxels: int) -> Flag | None:
    """Return a flag where much of what was labelled lay in loose pieces.

    Parameters
    ----------
    kept : int
        Labelled voxels that are left.
    pieces, voxels : int
        Number and size of what was cleaned away.
    """
    if voxels <= REMOVED_SHARE * (kept + voxels):
        return None
    share = voxels / (kept + voxels)
    return Flag(
        "QUALITY-PIECES",
        f"{share:.1%} in {pieces} pieces",
        f"at most {REMOVED_SHARE:.0%}",
        f"{share:.1%} of the labelled voxels were loose pieces ({pieces}) and were removed",
    )


def cut_flag(touching: Sequence[str], shares: Mapping[str, float]) -> Flag | None:
    """Return a flag where the image ends inside the head.

    Parameters
    ----------
    touching : sequence of str
        Names of the brain's labels that touch the image's border.
    shares : dict of str to float
        What `border_shares` returns.
    """
    cut = {side: share for side, share in shares.items() if share > FACE_SHARE}
    found = [f"tissue on {share:.1%} of the {side} face" for side, share in cut.items()]
    if touching:
        found.append(f"at the border: {one_line(', '.join(touching))}")
    if not found:
        return None
    what = "brain" if touching else f"head ({', '.join(cut)})"
    return Flag(
        "QUALITY-CUT",
        "; ".join(found),
        f"no brain at the border, tissue on at most {FACE_SHARE:.0%} of each face but the lower",
        f"the {what} seems to be cut off by the border of the image",
    )


def contrast_flag(white: float, grey: float, dark: float) -> Flag | None:
    """Return a flag where white matter is not brighter than grey, or grey not brighter than fluid.

    Parameters
    ----------
    white, grey : float
        Mean brightness; not a number where there is no such label, and then there is no flag.
    dark : float
        The same of fluid or, without labels of fluid, of the background.
    """
    if np.isnan([white, grey]).any() or white > grey > dark:
        return None
    return Flag(
        "QUALITY-CONTRAST",
        f"white {white:.4g}, grey {grey:.4g}, fluid or background {dark:.4g}",
        "white brighter than grey, grey brighter than fluid or background",
        "contrast is not T1-like: wrong kind of image, or labels in the wrong place",
    )


def sides_flag(asymmetry: float) -> Flag | None:
    """Return a flag where one side has much more labelled volume than the other.

    Parameters
    ----------
    asymmetry : float
        (right - left) / (right + left).
    """
    if abs(asymmetry) <= ASYMMETRY:
        return None
    more, less = ("right", "left") if asymmetry > 0 else ("left", "right")
    return Flag(
        "QUALITY-SIDES",
        f"|left - right| / (left + right) = {abs(asymmetry):.2f}",
        f"at most {ASYMMETRY:.2f}",
        f"much more is labelled on the {more} than on the {less}",
    )


def _brightness(regions: Sequence[Region], tissues: Mapping[int, str], kinds: Collection[str]) -> float:
    """Return the mean of all voxels of some tissues, not a number if there are none."""
    chosen = [region for region in regions if tissues[region.label] in kinds]
    voxels = sum(region.voxels for region in chosen)
    return sum((r.mean_intensity or 0.0) * r.voxels for r in chosen) / voxels if voxels else float("nan")


def _background(values: NDArray[Any]) -> float:
    """Return the mean of what is not labelled; if there is nothing, anything is brighter."""
    finite = values[np.isfinite(values)]
    return float(finite.mean(dtype=np.float64)) if finite.size else float("-inf")
