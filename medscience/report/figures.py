"""Three slices through a volume, upright, with the outlines of its labels.

Pictures follow the radiological convention: the patient's left is on the right, and the face looks
to the left in the sagittal slice. An array whose axes run to I, P and L needs no flip for that, as
the rows of a picture run down and its columns to the right.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL.Image
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from medscience.description import Label
from medscience.geometry import Geometry, Sizes
from medscience.image import Image
from medscience.report.shrink import UPRIGHT

EDGES = (("A", "P", "R", "L"), ("S", "I", "R", "L"), ("S", "I", "A", "P"))
"""Letters at the top, bottom, left and right of the axial, coronal and sagittal slice."""

DOTS_PER_INCH = 100
WIDTH = 9.6
"""Inches of the whole picture."""
GAP = 0.06
"""Inches around each slice."""
TALLEST = 6.0
"""Inches that a slice may take."""
NARROWEST = 0.2
"""A slice gets at least this part of the longest side of all, however thin the volume is."""

GREYS = colormaps["gray"].resampled(64)
"""As many shades as an eye tells apart: more of them only store noise."""
HEADROOM = 0.12
"""How far white lies above the brightest that counts: white matter stays a shade darker than its outline."""
INSIDE = 0.75
"""Where a line runs, from 0 outside to 1 inside its label; neighbours' lines stay apart."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice of an image and of its labels, ready to show."""

    values: NDArray[Any]
    """Brightness, rows from top to bottom."""
    labels: NDArray[Any]
    """Label numbers of the same pixels."""
    spacing: tuple[float, float]
    """Distance between rows and between columns, in millimetres."""

    @property
    def size(self) -> tuple[float, float]:
        """Height and width in millimetres."""
        rows, columns = self.values.shape
        return rows * self.spacing[0], columns * self.spacing[1]


def slices(
    image: Sequence[Image],
    labels: Sequence[Image],
    names: Sequence[Label],
    meeting: Sizes,
    window: tuple[float, float],
) -> PIL.Image.Image:
    """Return a picture of an axial, a coronal and a sagittal slice with an outline around each label.

    The slices follow the grid's own axes, which are oblique in the world if the grid is. Only they are read.

    Parameters
    ----------
    image, labels : sequence of Image
        Each a pyramid: axes (z, y, x) on one grid, then the coarser copies, if any.
    names : sequence of Label
        Numbers and colours of the labels; number 0 gets no outline.
    meeting : tuple of int
        The voxel in which the slices meet, as `meeting_point` returns it.
    window : tuple of float
        What is shown as black and as white.

    Returns
    -------
    Image
        RGB, 960 pixels wide.
    """
    low, high = window
    figure = Figure(figsize=(WIDTH, WIDTH), dpi=DOTS_PER_INCH, facecolor="black")
    three = list(_slices(image[0], labels[0], meeting))
    for axes, piece, edges in zip(_panels(figure, three), three, EDGES, strict=True):
        height, width = piece.size
        axes.imshow(
            piece.values.astype(np.float32),
            cmap=GREYS,
            vmin=low,
            vmax=high,
            extent=(0, width, height, 0),
            interpolation="nearest",
        )
        _outline(axes, piece, names)
        _name_edges(axes, edges)
        axes.set(xlim=(0, width), ylim=(height, 0))
    return _drawn(figure)


def _slices(image: Image, labels: Image, meeting: Sizes) -> Iterator[Slice]:
    """Read the slices across each axis of the upright volume, and nothing else."""
    change = image.geometry.reorientation(UPRIGHT)
    spacing = image.geometry.reoriented(change).spacing
    for axis, old in enumerate(change.order):
        place = meeting[old]
        region = tuple(slice(place, place + 1) if n == old else slice(None) for n in range(3))
        values, numbers = (
            np.squeeze(change.apply(volume.read(region)), axis=axis) for volume in (image, labels)
        )
        rows, columns = (spacing[n] for n in range(3) if n != axis)
        yield Slice(values, numbers, (rows, columns))


def meeting_point(labels: Sequence[Image]) -> Sizes:
    """Return the index of the labelled voxel nearest to the centroid of all labels, found on a coarse level.

    Where nothing is labelled it is the middle of the volume. Few voxels may have lost every vote of the
    coarsest level, so finer ones are asked in turn, but the finest only if it is the only one: it may not
    fit into memory.

    Parameters
    ----------
    labels : sequence of Image
        A pyramid: axes (z, y, x), then the coarser copies, if any.
    """
    finest = labels[0].geometry
    for level in reversed(labels[1:] or labels):
        found = np.argwhere(level.read((slice(None),) * 3) > 0)
        if len(found):
            away = (found - found.mean(axis=0)) * level.geometry.spacing
            nearest = found[np.linalg.norm(away, axis=1).argmin()]
            return _nearest_voxel(finest, level.geometry.world(nearest))
    return _nearest_voxel(finest, finest.world((np.array(finest.shape) - 1) / 2))


def _nearest_voxel(geometry: Geometry, world: NDArray[np.float64]) -> Sizes:
    last = np.array(geometry.shape) - 1
    z, y, x = np.clip(np.rint(geometry.index(world)), 0, last).astype(int).tolist()
    return z, y, x


def window(image: Image) -> tuple[float, float]:
    """Return what is shown as black and white: all but the darkest 1 and brightest 0.5 percent.

    Parameters
    ----------
    image : Image
        A copy that is coarse enough to be read at once.
    """
    values = image.read((slice(None),) * 3)
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return 0.0, 1.0
    low, high = np.percentile(finite, (1.0, 99.5)).tolist()
    return (low, high + HEADROOM * (high - low)) if high > low else (low - 0.5, low + 0.5)


def _panels(figure: Figure, three: Sequence[Slice]) -> list[Axes]:
    """Make room for the slices side by side, to one scale, in a figure as high as they need."""
    heights, widths = np.array([piece.size for piece in three]).T
    least = NARROWEST * max(heights.max(), widths.max())
    heights, widths = np.maximum(heights, least), np.maximum(widths, least)
    scale = min((WIDTH - 4 * GAP) / widths.sum(), TALLEST / heights.max())
    height = heights.max() * scale + 2 * GAP
    figure.set_size_inches(WIDTH, height)
    left = (WIDTH - widths.sum() * scale - 2 * GAP) / 2
    panels = []
    for width in (widths * scale).tolist():
        box = (left / WIDTH, GAP / height, width / WIDTH, 1 - 2 * GAP / height)
        panels.append(figure.add_axes(box, frame_on=False, xticks=[], yticks=[]))
        left += width + GAP
    return panels


def _outline(axes: Axes, piece: Slice, names: Sequence[Label]) -> None:
    """Draw a line around each label; a rim of background closes lines at the picture's edge."""
    framed = np.pad(piece.labels, 1)
    y, x = ((np.arange(n) - 0.5) * step for n, step in zip(framed.shape, piece.spacing, strict=True))
    present = set(np.unique(framed).tolist()) - {0}
    for label in names:
        if label.value not in present:
            continue
        inside = (framed == label.value).astype(np.float32)
        color = tuple(part / 255 for part in label.color)
        axes.contour(x, y, inside, levels=[INSIDE], colors=[color], linewidths=0.9)


def _name_edges(axes: Axes, letters: tuple[str, str, str, str]) -> None:
    """Write where top, bottom, left and right lie in the patient."""
    places = (
        (0.5, 1.0, "center", "top"),
        (0.5, 0.0, "center", "bottom"),
        (0.0, 0.5, "left", "center"),
        (1.0, 0.5, "right", "center"),
    )
    for letter, (x, y, horizontal, vertical) in zip(letters, places, strict=True):
        axes.annotate(
            letter,
            (x, y),
            xycoords="axes fraction",
            xytext=(4 - 8 * x, 4 - 8 * y),
            textcoords="offset points",
            horizontalalignment=horizontal,
            verticalalignment=vertical,
            color="white",
            fontsize=9,
            fontweight="bold",
            path_effects=[withStroke(linewidth=2, foreground="black")],
        )


def _drawn(figure: Figure) -> PIL.Image.Image:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return PIL.Image.open(file).convert("RGB")
