"""Line integrals through a volume: what a detector would see of it."""

import numpy as np
from numpy.typing import NDArray

from medscience.geometry import Geometry, as_affine
from medscience.reconstruct.patient import Position, iec_grid
from medscience.reconstruct.rtk import as_array, as_itk, as_rtk, blank, image_type, toolkit
from medscience.views import Views


def detector_grid(shape: tuple[int, int], spacing: tuple[float, float]) -> Geometry:
    """Return the grid of a flat detector about its own origin.

    Parameters
    ----------
    shape : tuple of int
        Pixels along (v, u): columns are along the gantry's axis, rows across it.
    spacing : tuple of float
        Millimetres between pixels along (v, u), on the detector.
    """
    matrix = Geometry.own((1, *shape), (1.0, *spacing)).matrix
    matrix[:2, 3] = [-(n - 1) / 2 * s for n, s in zip(shape[::-1], spacing[::-1], strict=True)]
    return Geometry((1, *shape), as_affine(matrix))


def project(
    attenuation: NDArray[np.float32], grid: Geometry, position: Position, views: Views, detector: Geometry
) -> NDArray[np.float32]:
    """Return the line integrals of a volume, by Joseph's method.

    Parameters
    ----------
    attenuation : ndarray, shape (Z, Y, X)
        In 1/mm; `medscience.reconstruct.hounsfield` makes it of HU.
    grid : Geometry
        Where the voxels are, in RAS+ millimetres from the isocentre; its axes run along the scanner's.
    position : str
        How the patient lies: HFS, HFP, FFS or FFP.
    views : Views
        Where source and detector are. A body that moves is projected view by view: ``views.take([n])``.
    detector : Geometry
        From `detector_grid`.

    Returns
    -------
    ndarray of float32, shape (views, V, U)
        Without a unit.

    Raises
    ------
    GeometryError
        If the grid's axes do not run along the scanner's.
    """
    place, change = iec_grid(grid, position)
    return line_integrals(np.asarray(change.apply(attenuation), np.float32), place, views, detector)


def line_integrals(
    attenuation: NDArray[np.float32], grid: Geometry, views: Views, detector: Geometry
) -> NDArray[np.float32]:
    """Return the same of a volume whose axes z, y, x, and `grid`, are those of IEC."""
    _, rtk = toolkit()
    z, y, x = grid.spacing
    joseph = rtk.JosephForwardProjectionImageFilter[image_type(), image_type()].New()
    joseph.SetInput(blank(detector, times=len(views)))
    joseph.SetInput(1, as_itk(attenuation, (x, y, z), grid.origin))
    geometry = as_rtk(views)
    joseph.SetGeometry(geometry)
    joseph.Update()
    return as_array(joseph.GetOutput())


def spread_back(
    stack: NDArray[np.float32], grid: Geometry, views: Views, detector: Geometry
) -> NDArray[np.float32]:
    """Return line integrals spread along their rays over a grid: the adjoint of `line_integrals`.

    Parameters
    ----------
    stack : ndarray, shape (views, V, U)
        Of the views.
    grid : Geometry
        In IEC coordinates.

    Returns
    -------
    ndarray of float32, shape (Z, Y, X)
    """
    _, rtk = toolkit()
    _, v, u = detector.spacing
    joseph = rtk.JosephBackProjectionImageFilter[image_type(), image_type()].New()
    joseph.SetInput(blank(grid))
    joseph.SetInput(1, as_itk(stack, (u, v, 1.0), detector.origin))
    joseph.SetGeometry(as_rtk(views))
    joseph.Update()
    return as_array(joseph.GetOutput())
