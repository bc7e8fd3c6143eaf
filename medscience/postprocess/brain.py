"""The brain in a model's labels: which they are, their mask, and the volume inside the skull."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medscience.description import Label
from medscience.errors import MismatchError

TISSUES = {
    "csf": re.compile(r"csf|cerebrospinal"),
    "ventricle": re.compile(r"(lat|lateral|[345](rd|th)|third|fourth)[ _-]vent"),
    "white": re.compile(r"white([ _-]?matter|$)|\bwm\b|^cc_|corpus callosum"),
    "grey": re.compile(r"gr[ea]y([ _-]?matter|$)|\bgm\b|^ctx\b|(^|cereb\w+[ _-])cortex"),
    "brain": re.compile(
        r"brain|cerebell|thalamus|caudate|putamen|pallidum|hippocampus|amygdala|accumbens|ventraldc"
    ),
}
"""What a label's name says of its tissue, in lower case; the first that fits counts. The names are those of
FreeSurfer and of the published models; other organs have cortices and ventricles too, and do not fit."""

SOLID = frozenset({"white", "grey", "brain"})
"""The tissues that the brain is made of."""


def tissues(names: Sequence[Label]) -> dict[int, str]:
    """Return the tissue, a key of `TISSUES`, of every label whose name says it.

    Labels of fluid alone are no brain: then, as where no name fits, there is nothing to return.

    >>> names = ["background", "White Matter", "ctx-lh-insula", "Left-VentralDC", "Lesion"]
    >>> tissues([Label(value=n, name=name, color=(0, 0, 0)) for n, name in enumerate(names)])
    {1: 'white', 2: 'grey', 3: 'brain'}
    """
    found = {label.value: _tissue(label.name) for label in names if label.value}
    known = {value: tissue for value, tissue in found.items() if tissue}
    return known if SOLID & set(known.values()) else {}


def _tissue(name: str) -> str | None:
    return next((tissue for tissue, words in TISSUES.items() if words.search(name.lower())), None)


def brain_mask(labels: NDArray[Any], names: Sequence[Label]) -> NDArray[np.bool_]:
    """Return where the brain is: its tissue, the ventricles, and every hole that they enclose.

    Fluid around the brain is outside. The volume is held in memory with a few bytes for each voxel.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        0 is background.
    names : sequence of Label
        What the numbers stand for.

    Raises
    ------
    MismatchError
        If no name says that it is a part of the brain.

    Examples
    --------
    >>> names = [Label(value=1, name="Grey Matter", color=(0, 0, 0))]
    >>> brain_mask(np.pad(np.ones((1, 1, 2), dtype=int), 1), names).sum()
    np.int64(2)
    """
    inside = [value for value, tissue in tissues(names).items() if tissue != "csf"]
    if not inside:
        raise MismatchError(
            "BRAIN-NAMES",
            field="labels",
            found=[label.name for label in names],
            expected="names of parts of the brain, such as White Matter or brain",
            fix="use the labels of a model that finds the brain",
        )
    return np.asarray(ndimage.binary_fill_holes(np.isin(labels, inside)), dtype=np.bool_)


def skull_stripped(image: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """Return an image that is 0 outside a mask, of the same type.

    >>> skull_stripped(np.array([[[7, 8]]], dtype=np.int16), np.array([[[True, False]]]))
    array([[[7, 0]]], dtype=int16)
    """
    return np.where(mask, image, np.zeros((), dtype=image.dtype))


def brain_volume_mm3(volumes_mm3: Mapping[int, float], names: Sequence[Label]) -> float:
    """Return the volume of the brain's tissue, without fluid and without filled holes.

    >>> brain_volume_mm3({1: 2.0, 2: 0.5}, [Label(value=2, name="brain", color=(0, 0, 0))])
    0.5
    """
    known = tissues(names)
    return sum(volume for label, volume in volumes_mm3.items() if known.get(label) in SOLID)


def intracranial_volume_mm3(volumes_mm3: Mapping[int, float], names: Sequence[Label]) -> float | None:
    """Return the volume of brain and fluid together, or None where the labels cannot tell it.

    They can where one label, CSF, stands for all fluid. Beside labels of ventricles, as in FreeSurfer's
    atlas, CSF is only some of the rest, and the fluid around the brain has no label at all.

    Parameters
    ----------
    volumes_mm3 : dict of int to float
        Volume of every label.
    names : sequence of Label
        What the numbers stand for.

    Examples
    --------
    >>> names = [Label(value=n, name=name, color=(0, 0, 0)) for n, name in ((1, "brain"), (2, "CSF"))]
    >>> intracranial_volume_mm3({1: 1200.0, 2: 300.0}, names)
    1500.0
    >>> intracranial_volume_mm3({1: 1200.0}, names[:1]) is None
    True
    """
    known = tissues(names)
    kinds = set(known.values())
    if "csf" not in kinds or "ventricle" in kinds:
        return None
    return sum(volume for label, volume in volumes_mm3.items() if label in known)
