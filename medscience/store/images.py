"""Images and labels as committed OME-Zarr 0.5 stores."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import DTypeLike, NDArray
from zarr.codecs import ZstdCodec

from medscience.errors import MismatchError, StoreError
from medscience.image import Image
from medscience.store.commit import Commit, check_files, read_commit, store_path
from medscience.store.grid import Shape, regions, storage_grid
from medscience.store.metadata import Content, read_attributes, write_attributes
from medscience.store.objects import VerifyingStore
from medscience.store.pyramid import majority, mean
from medscience.store.staging import Staging

MAPS = "maps"
"""The group of a store's maps."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A committed store, opened for reading; every object is checked when it is first read."""

    path: Path
    commit: Commit
    content: Content
    levels: tuple[Image, ...]
    """The image, and its coarser copies."""
    maps: Mapping[str, Image]
    """What was kept beside labels, such as their ``confidence``: uint8, 255 for 1."""

    @property
    def image(self) -> Image:
        """The image at full resolution."""
        return self.levels[0]

    @property
    def reconstruction(self) -> str | None:
        """How its phases were reconstructed from projections; None where that was not done here."""
        made = self.commit.provenance
        return str(made.settings["method"]) if made.step == "reconstruct" else None

    def volume(self, doing: str) -> Image:
        """Return the image, if it is one volume in a patient.

        Parameters
        ----------
        doing : str
            What wants one, as in ``a mask``.

        Raises
        ------
        MismatchError
            If it is a series in time, or has no place in a patient.
        """
        meaning = self.image.meaning
        if meaning.axes == "zyx" and meaning.space == "patient":
            return self.image
        series = f"{self.image.shape[0]} volumes or frames in time" if "t" in meaning.axes else "one image"
        place = "in a patient" if meaning.space == "patient" else "without a place in a patient"
        raise MismatchError(
            "IMAGE-NOT-A-VOLUME",
            file=self.path,
            field="axes",
            found=f"{series} {place} (axes {meaning.axes})",
            expected=f"a volume (axes zyx) in a patient: {doing} knows no other",
            fix="name the store of a single volume",
        )

    @property
    def name(self) -> str:
        """The store's name without its ending; in the workflow this is the sample."""
        return self.path.name.removesuffix(".ome.zarr")


def open_image(path: Path) -> StoredImage:
    """Open a committed store.

    Parameters
    ----------
    path : Path
        The store ``X.ome.zarr``, or its commit's path.

    Raises
    ------
    StoreError
        If it has no commit, or its objects are not exactly the committed ones.
    """
    store = store_path(path)
    commit = read_commit(store)
    check_files(store, commit)
    group = zarr.open_group(VerifyingStore(store, commit.objects), mode="r")
    content = read_attributes(dict(group.attrs), store)
    meaning = content.meaning
    levels = tuple(
        Image(_array(group, str(n)), replace(meaning, geometry=meaning.geometry.coarser(factors)))
        for n, factors in enumerate(content.levels)
    )
    names = {key.split("/")[1] for key in commit.objects if key.startswith(f"{MAPS}/")} - {"zarr.json"}
    maps = {name: Image(_array(group, f"{MAPS}/{name}"), meaning) for name in sorted(names)}
    return StoredImage(store, commit, content, levels, maps)


class ImageWriter:
    """Writes an image of known shape, block by block, into a staging store; then its pyramid.

    Parameters
    ----------
    staging : Staging
        Where to write.
    content : Content
        What the voxels mean.
    shape : tuple of int
        Sizes along the axes of ``content.meaning``.
    dtype : dtype
        Type of the numbers. With fields, ``label`` is the image, and the others are maps beside it.
    block : tuple of int, optional
        Spatial sides of the blocks that will be written; shards are chosen so that a block is whole shards.
    """

    def __init__(
        self,
        staging: Staging,
        content: Content,
        shape: Shape,
        dtype: DTypeLike,
        block: Shape | None = None,
    ) -> None:
        fields = np.dtype(dtype).fields or {"label": (np.dtype(dtype), 0)}
        self._factors = content.levels
        self._objects = staging.objects.objects
        self._ledger = staging.ledger
        self._reduce = majority if content.is_labels else mean
        name = staging.path.name.partition(".ome.zarr")[0]
        group = zarr.create_group(
            staging.objects,
            attributes=write_attributes(content, shape, name),
        )
        self._arrays = [
            _create(group, str(n), _level_shape(shape, f), fields["label"][0], content.meaning.axes, block)
            for n, f in enumerate(self._factors)
        ]
        self._maps = {
            name: _create(group, f"{MAPS}/{name}", shape, kind[0], content.meaning.axes, block)
            for name, kind in fields.items()
            if name != "label"
        }

    @property
    def shape(self) -> Shape:
        """Sizes along the axes."""
        return self._arrays[0].shape

    @property
    def shards(self) -> Shape:
        """Sides of a shard: a region that is written must be made of whole ones."""
        return self._arrays[0].shards or self._arrays[0].chunks

    def write(self, region: tuple[slice, ...], values: NDArray[Any]) -> None:
        """Write a region that is made of whole shards.

        Raises
        ------
        StoreError
            If it is not: two writers that share a shard lose voxels in silence.
        """
        for part, shard, size in zip(region, self.shards, self.shape, strict=True):
            if part.start % shard or (part.stop % shard and part.stop != size):
                raise StoreError(
                    "STORE-MISALIGNED",
                    field="region",
                    found=region,
                    expected=f"whole shards of {self.shards} in {self.shape}",
                    fix="cut the work into whole shards",
                )
        self._arrays[0][region] = values["label"] if self._maps else values
        for name, array in self._maps.items():
            array[region] = values[name]
        if self._ledger is not None:
            self._ledger.add(region, {key: self._objects[key] for key in self._keys(region)})

    def has(self, region: tuple[slice, ...]) -> bool:
        """Whether a region is there from an interrupted run."""
        return self._ledger is not None and self._ledger.has(region)

    def _keys(self, region: tuple[slice, ...]) -> list[str]:
        """Name the objects that hold a region."""
        along = (range(r.start // n, -(-r.stop // n)) for r, n in zip(region, self.shards, strict=True))
        shards = ["/".join(("c", *map(str, shard))) for shard in product(*along)]
        return [f"{array}/{shard}" for array in self._names for shard in shards]

    @property
    def _names(self) -> list[str]:
        """The arrays that are written block by block."""
        return ["0", *(f"{MAPS}/{name}" for name in self._maps)]

    def finish(self) -> None:
        """Write the coarser levels, each from the one before, one shard at a time.

        Raises
        ------
        StoreError
            If a part of the image was never written.
        """
        written = sum(key.startswith(f"{name}/c/") for key in self._objects for name in self._names)
        expected = len(regions(self.shape, self.shards)) * len(self._names)
        if written != expected:
            raise StoreError(
                "STORE-INCOMPLETE",
                field="shards",
                found=f"{written} written",
                expected=f"all {expected}",
                fix="write every block before finishing",
            )
        for n in range(1, len(self._arrays)):
            fine, coarse = self._arrays[n - 1], self._arrays[n]
            lead = (1,) * (len(self.shape) - 3)
            pairs = zip(self._factors[n], self._factors[n - 1], strict=True)
            step = (*lead, *(after // before for after, before in pairs))
            for region in regions(coarse.shape, coarse.shards or coarse.chunks):
                source = tuple(
                    slice(r.start * f, min(r.stop * f, size))
                    for r, f, size in zip(region, step, fine.shape, strict=True)
                )
                coarse[region] = self._reduce(np.asarray(fine[source]), step)


def _array(group: zarr.Group, name: str) -> "zarr.Array[Any]":
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise StoreError(
            "STORE-FORMAT",
            file=str(group.store),
            field=name,
            found="a group",
            expected="an array",
            fix="run the step that makes the store again",
        )
    return array


def _create(
    group: zarr.Group, name: str, shape: Shape, dtype: DTypeLike, axes: str, block: Shape | None
) -> "zarr.Array[Any]":
    """Create an array in which no chunk is left out and every chunk carries a checksum."""
    chunks, shards = storage_grid(shape, block)
    return group.create_array(
        name,
        shape=shape,
        dtype=np.dtype(dtype),
        chunks=chunks,
        shards=shards,
        compressors=ZstdCodec(level=3, checksum=True),
        fill_value=0,
        dimension_names=list(axes),
        config={"write_empty_chunks": True},
    )


def _level_shape(shape: Shape, factors: tuple[int, int, int]) -> Shape:
    spatial = (-(-n // f) for n, f in zip(shape[-3:], factors, strict=True))
    return (*shape[:-3], *spatial)
