"""The door to RTK: how it is loaded, and how our arrays and geometries become its own.

Its first use costs about twelve seconds and a gigabyte in every process, so nothing is loaded before it is
needed.
"""

import warnings
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import SystemFaultError
from medscience.geometry import Geometry, Triple
from medscience.views import Views


@cache
def toolkit() -> tuple[Any, Any]:
    """Load RTK, and return the modules ``itk`` and ``itk.RTK``.

    Raises
    ------
    SystemFaultError
        If RTK is not installed.
    """
    try:
        import itk  # noqa: PLC0415 - takes seconds
        from itk import RTK  # noqa: PLC0415
    except ImportError as fault:
        raise SystemFaultError(
            "RTK-MISSING",
            field="package itk-rtk",
            found="nothing",
            expected="RTK, which reconstructs",
            fix="pip install 'medscience[cbct]'",
        ) from fault
    with warnings.catch_warnings():  # of wrapped types; one that is made an error crashes the interpreter
        warnings.simplefilter("ignore", DeprecationWarning)
        RTK.ThreeDCircularProjectionGeometry  # noqa: B018 - modules load at the first use of a name
    return itk, RTK


def use_threads(count: int) -> None:
    """Let RTK use as many threads."""
    itk, _ = toolkit()
    itk.MultiThreaderBase.SetGlobalMaximumNumberOfThreads(count)
    itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(count)


def image_type() -> Any:  # noqa: ANN401 - a class of ITK's own making
    """Return ITK's type of volumes and stacks of projections: float32 in three axes."""
    itk, _ = toolkit()
    return itk.Image[itk.F, 3]


def as_itk(array: NDArray[np.float32], spacing: Triple, origin: Triple) -> Any:  # noqa: ANN401
    """Return an ITK image with a copy of an array (Z, Y, X); spacing and origin along (x, y, z)."""
    itk, _ = toolkit()
    image = itk.image_from_array(np.ascontiguousarray(array, dtype=np.float32))
    image.SetSpacing(list(spacing))
    image.SetOrigin(list(origin))
    return image


def blank(grid: Geometry, times: int | None = None) -> Any:  # noqa: ANN401
    """Return an image of zeros on a grid whose axes z, y, x run along the world's.

    Parameters
    ----------
    grid : Geometry
        In IEC millimetres, or on a detector.
    times : int, optional
        Number of projections, which take the place of the axis z.
    """
    z, y, x = grid.shape
    sizes = (z if times is None else times, y, x)
    sz, sy, sx = grid.spacing
    return as_itk(np.zeros(sizes, np.float32), (sx, sy, sz), grid.origin)


def as_rtk(views: Views) -> Any:  # noqa: ANN401
    """Return RTK's geometry of some views."""
    _, rtk = toolkit()
    geometry = rtk.ThreeDCircularProjectionGeometry.New()
    columns = zip(
        views.source_to_isocentre,
        views.source_to_detector,
        views.gantry_deg,
        views.detector_u,
        views.detector_v,
        views.out_of_plane_deg,
        views.in_plane_deg,
        views.source_u,
        views.source_v,
        strict=True,
    )
    for numbers in columns:
        geometry.AddProjection(*map(float, numbers))
    return geometry


def as_array(image: Any) -> NDArray[np.float32]:  # noqa: ANN401
    """Return a copy of an ITK image's numbers (Z, Y, X)."""
    itk, _ = toolkit()
    array: NDArray[np.float32] = itk.array_from_image(image)
    return array
