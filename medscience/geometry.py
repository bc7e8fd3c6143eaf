"""Where voxels lie in the world: small pure functions of shape and affine.

World coordinates are RAS+ millimetres: x grows to the patient's right, y to the front, z to the head.
"""

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medscience.errors import GeometryError

Affine = tuple[tuple[float, float, float, float], ...]
"""Four rows of four numbers; the last row is 0 0 0 1."""

Triple = tuple[float, float, float]
Sizes = tuple[int, int, int]

NAMES = (("L", "R"), ("P", "A"), ("I", "S"))
"""The letters of the negative and positive end of each world axis."""


def as_affine(matrix: ArrayLike) -> Affine:
    """Return a 4x4 matrix as the tuple that `Geometry` holds."""
    rows = np.asarray(matrix, dtype=np.float64)
    return tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in rows)


@dataclass(frozen=True, slots=True)
class Reorientation:
    """A lossless change of axis order and direction of an array (Z, Y, X)."""

    order: tuple[int, int, int]
    """`order[n]` is the old axis that becomes new axis n."""
    flips: tuple[bool, bool, bool]
    """Whether new axis n runs against its old axis."""

    def apply(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return a view of the last three axes in the new order and direction.

        >>> Reorientation((0, 2, 1), (False, False, True)).apply(np.array([[[1, 2], [3, 4]]])).tolist()
        [[[3, 1], [4, 2]]]
        """
        lead = array.ndim - 3
        turned = array.transpose(*range(lead), *(lead + axis for axis in self.order))
        along = (slice(None, None, -1 if flip else 1) for flip in self.flips)
        return turned[(slice(None),) * lead + tuple(along)]

    @property
    def inverse(self) -> "Reorientation":
        """The change that undoes this one."""
        back = (self.order.index(0), self.order.index(1), self.order.index(2))
        return Reorientation(back, (self.flips[back[0]], self.flips[back[1]], self.flips[back[2]]))


@dataclass(frozen=True, slots=True)
class Geometry:
    """The grid of a volume: its size, and where its voxel centres lie.

    Raises
    ------
    GeometryError
        If a side is not positive, or the affine is not finite and invertible.
    """

    shape: Sizes
    """Number of voxels along (z, y, x)."""
    affine: Affine
    """Maps an index (z, y, x, 1) to RAS+ millimetres (x, y, z, 1)."""

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise GeometryError(
                "GEOMETRY-SHAPE",
                field="shape",
                found=self.shape,
                expected="three positive sizes (z, y, x)",
                fix="check the source",
            )
        matrix = np.asarray(self.affine, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise _bad_affine(self.affine, "4x4 finite numbers")
        if not np.array_equal(matrix[3], (0, 0, 0, 1)):
            raise _bad_affine(self.affine, "a last row of 0 0 0 1")
        lengths = np.linalg.norm(matrix[:3, :3], axis=0)
        if lengths.min() <= 0 or abs(np.linalg.det(matrix[:3, :3] / lengths)) < 1e-3:
            raise _bad_affine(self.affine, "three independent axes")

    @classmethod
    def own(cls, shape: Sizes, spacing: Triple = (1.0, 1.0, 1.0)) -> "Geometry":
        """Return the grid of an array that has no place in a patient: x, y and z along its own axes.

        >>> Geometry.own((1, 384, 512), (1.0, 0.5, 0.5)).world((0, 4, 2)).tolist()
        [1.0, 2.0, 0.0]
        """
        z, y, x = spacing
        return cls(shape, ((0.0, 0.0, x, 0.0), (0.0, y, 0.0, 0.0), (z, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)))

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The affine as an array (4, 4)."""
        return np.asarray(self.affine, dtype=np.float64)

    @property
    def spacing(self) -> Triple:
        """Distance between voxel centres along (z, y, x), in millimetres."""
        z, y, x = np.linalg.norm(self.matrix[:3, :3], axis=0).tolist()
        return (z, y, x)

    @property
    def origin(self) -> Triple:
        """World position of the centre of the first voxel, in millimetres."""
        x, y, z = self.matrix[:3, 3].tolist()
        return (x, y, z)

    @property
    def directions(self) -> NDArray[np.float64]:
        """Unit vectors of the array axes z, y, x as the columns of an array (3, 3)."""
        return np.asarray(self.matrix[:3, :3] / self.spacing)

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in cubic millimetres, sheared grids included."""
        z, y, x = self.matrix[:3, :3].T
        return float(abs(np.cross(z, y) @ x))

    @property
    def shear(self) -> float:
        """Largest cosine between two axes: 0 for a grid with right angles."""
        cosines = self.directions.T @ self.directions
        return float(np.abs(cosines - np.diag(np.diag(cosines))).max())

    @property
    def orientation(self) -> str:
        """The nearest anatomical direction of the array axes z, y, x, as in ``SAR``."""
        worlds = _nearest_world_axes(self.directions)
        letters = (NAMES[w][int(self.directions[w, n] > 0)] for n, w in enumerate(worlds))
        return "".join(letters)

    def world(self, index: ArrayLike) -> NDArray[np.float64]:
        """Return the RAS+ millimetres (..., x y z) of indices (..., z y x)."""
        turned: NDArray[np.float64] = np.asarray(index, dtype=np.float64) @ self.matrix[:3, :3].T
        return turned + self.matrix[:3, 3]

    def index(self, world: ArrayLike) -> NDArray[np.float64]:
        """Return the index (..., z y x) of RAS+ millimetres (..., x y z)."""
        inverse = np.linalg.inv(self.matrix)
        turned: NDArray[np.float64] = np.asarray(world, dtype=np.float64) @ inverse[:3, :3].T
        return turned + inverse[:3, 3]

    def crop(self, start: Sizes, shape: Sizes) -> "Geometry":
        """Return the grid of the part that begins at index `start`; a negative start pads."""
        matrix = self.matrix
        matrix[:3, 3] = self.world(start)
        return Geometry(shape, as_affine(matrix))

    def pad(self, before: Sizes, after: Sizes) -> "Geometry":
        """Return the grid with `before` and `after` more voxels along (z, y, x)."""
        sizes = [n + b + a for n, b, a in zip(self.shape, before, after, strict=True)]
        return self.crop((-before[0], -before[1], -before[2]), (sizes[0], sizes[1], sizes[2]))

    def coarser(self, factors: Sizes) -> "Geometry":
        """Return the grid whose voxels cover `factors` voxels of this one, the last perhaps fewer."""
        matrix = self.matrix
        matrix[:3, 3] = self.world([(f - 1) / 2 for f in factors])
        matrix[:3, :3] *= factors
        z, y, x = (-(-n // f) for n, f in zip(self.shape, factors, strict=True))
        return Geometry((z, y, x), as_affine(matrix))

    def with_spacing(self, spacing: Triple) -> "Geometry":
        """Return the grid that fills the same box, to the nearest voxel, at another spacing.

        The first voxel's centre moves by half the difference of the voxel sizes.

        >>> coarse = Geometry((10, 20, 4), as_affine(np.diag([3.0, 1.0, 1.0, 1.0])))
        >>> fine = coarse.with_spacing((1.5, 1.0, 1.0))
        >>> fine.shape, fine.origin
        ((20, 20, 4), (-0.75, 0.0, 0.0))
        """
        ratios = np.asarray(spacing) / self.spacing
        matrix = self.matrix
        matrix[:3, 3] = self.world((ratios - 1) / 2)
        matrix[:3, :3] *= ratios
        z, y, x = (max(round(n / r), 1) for n, r in zip(self.shape, ratios.tolist(), strict=True))
        return Geometry((z, y, x), as_affine(matrix))

    def reorientation(self, orientation: str) -> Reorientation:
        """Return the change of axes that brings this grid nearest to an orientation.

        Parameters
        ----------
        orientation : str
            Wanted direction of the array axes z, y, x, such as ``SAR``.
        """
        wanted = [_world_axis(letter) for letter in orientation]
        if sorted(world for world, _ in wanted) != [0, 1, 2]:
            raise GeometryError(
                "GEOMETRY-ORIENTATION",
                field="orientation",
                found=orientation,
                expected="one letter of each pair LR, PA, IS",
                fix="name the direction of the axes z, y, x, as in SAR",
            )
        have = [_world_axis(letter) for letter in self.orientation]
        worlds = [world for world, _ in have]
        a, b, c = (worlds.index(world) for world, _ in wanted)
        x, y, z = (have[n][1] != positive for n, (_, positive) in zip((a, b, c), wanted, strict=True))
        return Reorientation((a, b, c), (x, y, z))

    def reoriented(self, change: Reorientation) -> "Geometry":
        """Return the grid of an array to which `change` was applied: the voxels stay in place."""
        first = [0, 0, 0]
        matrix = self.matrix
        for new, (old, flip) in enumerate(zip(change.order, change.flips, strict=True)):
            matrix[:3, new] = self.matrix[:3, old] * (-1 if flip else 1)
            first[old] = self.shape[old] - 1 if flip else 0
        matrix[:3, 3] = self.world(first)
        a, b, c = (self.shape[old] for old in change.order)
        return Geometry((a, b, c), as_affine(matrix))

    def close_to(self, other: "Geometry", tolerance: float = 1e-3) -> bool:
        """Whether both grids have the same voxels, corners within `tolerance` millimetres."""
        if self.shape != other.shape:
            return False
        corners = np.array(list(product(*((0, n - 1) for n in self.shape))))
        return bool(np.abs(self.world(corners) - other.world(corners)).max() <= tolerance)


def _nearest_world_axes(directions: NDArray[np.float64]) -> tuple[int, ...]:
    """The world axis that each array axis follows: the assignment with the largest cosines."""
    return max(
        permutations(range(3)),
        key=lambda worlds: sum(abs(directions[w, n]) for n, w in enumerate(worlds)),
    )


def _world_axis(letter: str) -> tuple[int, bool]:
    """World axis and whether the letter names its positive end; -1 for no such letter."""
    for world, pair in enumerate(NAMES):
        if letter in pair:
            return world, letter == pair[1]
    return -1, False


def _bad_affine(affine: object, expected: str) -> GeometryError:
    return GeometryError(
        "GEOMETRY-AFFINE",
        field="affine",
        found=affine,
        expected=expected,
        fix="check the orientation fields of the source",
    )
