"""Hypothesis strategies for the things that the workbench is about: grids, volumes, names."""

from itertools import permutations, product
from string import ascii_letters, digits
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from numpy.typing import DTypeLike, NDArray

from medscience.geometry import Geometry, Reorientation, Sizes, as_affine

SPACINGS = st.floats(0.2, 6.0, allow_nan=False)
"""Voxel sizes in millimetres, from a micro-CT's to a thick MRI slice's."""

INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
DTYPES = (*INTEGERS, "float16", "float32", "float64")
"""The types of numbers that a store holds."""

TILT = 0.6
"""Radians by which an oblique grid is turned at most; its orientation stays beyond doubt."""


def shapes(max_side: int = 8) -> st.SearchStrategy[Sizes]:
    """Return sizes along (z, y, x) from 1 to `max_side`.

    Parameters
    ----------
    max_side : int
        Longest side, in voxels.

    Returns
    -------
    strategy of tuple of int

    Examples
    --------
    >>> from hypothesis import find
    >>> find(shapes(), lambda shape: True)
    (1, 1, 1)
    """
    side = st.integers(1, max_side)
    return st.tuples(side, side, side)


@st.composite
def geometries(
    draw: st.DrawFn,
    shape: st.SearchStrategy[Sizes] | None = None,
    *,
    tilt: float = TILT,
    shear: float = 0.0,
) -> Geometry:
    """Draw a grid of any of the 48 orientations, upright or oblique, with anisotropic voxels.

    Parameters
    ----------
    draw : callable
        Given by Hypothesis.
    shape : strategy of tuple of int, optional
        Sizes along (z, y, x); `shapes()` if not given.
    tilt : float
        Radians by which the grid is turned away from the world's axes at most; 0 keeps it upright.
        Below pi/4 the nearest world axis of every array axis is beyond doubt.
    shear : float
        Part of an axis that is added to another one at most; 0 keeps right angles.

    Returns
    -------
    Geometry
        With spacing from 0.2 to 6 mm (a little more if sheared) and an origin within half a metre.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(geometries(tilt=0.0), lambda grid: grid.orientation == "SAR").shape
    (1, 1, 1)
    """
    worlds = draw(st.permutations(range(3)))
    signs = draw(st.tuples(*[st.sampled_from((1.0, -1.0))] * 3))
    directions = np.zeros((3, 3))
    directions[worlds, range(3)] = signs
    if tilt:
        turn = st.floats(-tilt, tilt, allow_nan=False)
        axis = draw(st.tuples(*[st.integers(-9, 9)] * 3).filter(any))
        directions = rotation(np.array(axis, dtype=np.float64), draw(turn)) @ directions
    if shear:
        part = st.floats(-shear, shear, allow_nan=False)
        lean = np.eye(3)
        lean[np.triu_indices(3, k=1)] = draw(st.tuples(part, part, part))
        directions = directions @ lean
    matrix = np.eye(4)
    matrix[:3, :3] = directions * draw(st.tuples(SPACINGS, SPACINGS, SPACINGS))
    matrix[:3, 3] = draw(st.tuples(*[st.floats(-500, 500, allow_nan=False)] * 3))
    return Geometry(draw(shapes() if shape is None else shape), as_affine(matrix))


def rotation(axis: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Return the matrix of a rotation about an axis (Rodrigues' formula).

    Parameters
    ----------
    axis : ndarray, shape (3,)
        Direction of the axis, of any length but 0.
    angle : float
        In radians, counterclockwise for someone at whom the axis points.

    Returns
    -------
    ndarray, shape (3, 3)

    Examples
    --------
    >>> rotation(np.array([0.0, 0.0, 2.0]), np.pi / 2).round(6).tolist()
    [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turned = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return np.asarray(turned)


def reorientations() -> st.SearchStrategy[Reorientation]:
    """Return the 48 lossless changes of axis order and direction.

    Returns
    -------
    strategy of Reorientation

    Examples
    --------
    >>> from hypothesis import find
    >>> find(reorientations(), lambda change: True)
    Reorientation(order=(0, 1, 2), flips=(False, False, False))
    """
    changes = [
        Reorientation((a, b, c), (z, y, x))
        for a, b, c in permutations(range(3))
        for z, y, x in product((False, True), repeat=3)
    ]
    return st.sampled_from(changes)


def volumes(
    shape: st.SearchStrategy[Any] | tuple[int, ...] | None = None,
    dtype: st.SearchStrategy[Any] | DTypeLike = "int16",
    *,
    largest: float | None = None,
) -> st.SearchStrategy[NDArray[Any]]:
    """Return arrays of finite numbers.

    Parameters
    ----------
    shape : strategy or tuple of int, optional
        Sizes along the axes; `shapes()` if not given.
    dtype : strategy or dtype
        Type of the numbers, integer or float.
    largest : float, optional
        Largest magnitude of a number; if not given, all of an integer type, and 10000 for floats.

    Returns
    -------
    strategy of ndarray

    Examples
    --------
    >>> from hypothesis import find
    >>> find(volumes((1, 1, 3), "uint8"), lambda volume: volume.min() > 4).tolist()
    [[[5, 5, 5]]]
    """
    kinds = dtype if isinstance(dtype, st.SearchStrategy) else st.just(dtype)
    sizes = shapes() if shape is None else shape
    return kinds.flatmap(lambda kind: nps.arrays(kind, sizes, elements=_elements(kind, largest)))


def _elements(dtype: DTypeLike, largest: float | None) -> st.SearchStrategy[Any]:
    kind = np.dtype(dtype)
    if np.issubdtype(kind, np.floating):
        top = 10_000.0 if largest is None else largest
        bits = 8 * kind.itemsize
        return st.floats(-top, top, width=16 if bits == 16 else 32 if bits == 32 else 64)
    limits = np.iinfo(kind.name)
    if largest is None:
        return st.integers(limits.min, limits.max)
    return st.integers(max(limits.min, -int(largest)), min(limits.max, int(largest)))


def sample_names() -> st.SearchStrategy[str]:
    """Return names that the sample sheet accepts.

    Returns
    -------
    strategy of str
        A letter or digit, then up to 63 letters, digits, ``_`` and ``-``.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(sample_names(), lambda name: len(name) == 3)
    '000'
    """
    first = st.sampled_from(digits + ascii_letters)
    rest = st.text(digits + ascii_letters + "_-", max_size=63)
    return st.builds("{}{}".format, first, rest)
