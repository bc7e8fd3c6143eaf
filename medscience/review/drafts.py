"""Drafts: edits that are not decided yet, kept as they are made.

``{root}/.drafts/{model}/{sample}/{reviewer}`` holds the touched chunks of the labels and nothing else; all
the rest is read from the store that the draft began from, which nobody writes. A chunk is on the disk when
`Draft.write` returns, so a crash loses the stroke that was being drawn, at most.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from medscience.errors import MismatchError, StoreError
from medscience.review.chunks import Place, Region, bounds, chunk_at, overlap, places_within, within
from medscience.review.unseen import correction_dtype, unseen_value
from medscience.store.files import create_once, remove, sync
from medscience.store.grid import Shape, storage_grid
from medscience.store.images import StoredImage
from medscience.store.lease import leased
from medscience.store.objects import RecordingStore

FOLDER = ".drafts"
FORMAT = "medscience-draft-1"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a draft began from."""

    model: str
    sample: str
    reviewer: str
    labels: str
    """Digest of the store of labels."""
    image: str
    """Digest of the image that they belong to."""
    format: str = FORMAT


class Draft:
    """Labels that someone is editing: read as an array, written by `write`.

    Made by `open_draft`; held by one process at a time.
    """

    def __init__(
        self, path: Path, labels: StoredImage, origin: Origin, array: "zarr.Array[Any]", held: ExitStack
    ) -> None:
        self.path = path
        self.labels = labels
        """What it began from."""
        self.origin = origin
        self._array = array
        self._touched = set(_touched(path))
        self._held = held

    @property
    def shape(self) -> Shape:
        """Sizes along the axes of the labels."""
        return tuple(self._array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers; its largest value says that nobody looked."""
        return self._array.dtype

    @property
    def chunks(self) -> Shape:
        """Sides of a chunk: what is written at once."""
        return tuple(self._array.chunks)

    @property
    def touched(self) -> tuple[Place, ...]:
        """The chunks that were written."""
        return tuple(sorted(self._touched))

    def __getitem__(self, region: Region) -> NDArray[Any]:
        """Return the numbers of a region, one slice for each axis, edits included."""
        whole = bounds(region, self.shape)
        values = np.array(self.labels.image.read(whole), dtype=self.dtype)
        for place in places_within(whole, self.chunks):
            if place in self._touched:
                inner = overlap(whole, chunk_at(place, self.chunks, self.shape))
                values[within(inner, whole)] = self._stored(inner)
        return values

    def write(self, region: Region, values: NDArray[Any] | int) -> tuple[Place, ...]:
        """Put numbers in a region, and return the chunks that were written, once they are on the disk.

        Raises
        ------
        MismatchError
            If a number is neither a label nor the one for "not looked at".
        """
        whole = bounds(region, self.shape)
        new = np.broadcast_to(np.asarray(values), tuple(part.stop - part.start for part in whole))
        strays = sorted(set(np.unique(new).tolist()) - self._allowed)
        if strays:
            raise MismatchError(
                "DRAFT-LABEL",
                file=self.path,
                field="labels",
                found=f"the numbers {strays}",
                expected=f"{sorted(self._allowed)}",
                fix="choose one of the model's labels",
            )
        places = tuple(places_within(whole, self.chunks))
        folders = set()
        for place in places:
            chunk = chunk_at(place, self.chunks, self.shape)
            inner = overlap(whole, chunk)
            content = self[chunk]
            content[within(inner, chunk)] = new[within(inner, whole)]
            self._array[chunk] = content
            if place not in self._touched:
                folders.add(_chunk_file(self.path, place).parent)
            self._touched.add(place)
        _sync_up(folders, self.path)
        return places

    def digest(self) -> str:
        """Digest of the edits: of the touched chunks' places and numbers."""
        digest = hashlib.sha256(f"{self.shape} {self.dtype}".encode())
        for place in self.touched:
            digest.update(repr(place).encode())
            digest.update(np.ascontiguousarray(self._stored(chunk_at(place, self.chunks, self.shape))).data)
        return digest.hexdigest()

    def discard(self) -> None:
        """Delete the draft, once its edits are committed or nobody wants them."""
        self.close()
        remove(self.path)

    def close(self) -> None:
        """Let others open it."""
        self._held.close()

    def __enter__(self) -> Self:
        """Return the draft."""
        return self

    def __exit__(self, *fault: object) -> None:
        """Let others open it."""
        self.close()

    def _stored(self, region: Region) -> NDArray[Any]:
        try:
            return np.asarray(self._array[region])
        except (OSError, ValueError, RuntimeError) as fault:  # numcodecs raises the last for a wrong checksum
            raise _damaged(self.path, "labels.zarr", fault) from fault

    @cached_property
    def _allowed(self) -> set[int]:
        meaning = self.labels.content.labels
        return {label.value for label in meaning.labels} | {unseen_value(self.dtype)} if meaning else set()


def draft_path(root: Path, model: str, sample: str, reviewer: str) -> Path:
    """Return where a reviewer's draft of a sample's labels lies."""
    return root / FOLDER / model / sample / reviewer


def open_draft(root: Path, labels: StoredImage, *, model: str, sample: str, reviewer: str) -> Draft:
    """Open a reviewer's draft as it was left, or begin one.

    Parameters
    ----------
    root : Path
        The folder of corrections.
    labels : StoredImage
        The model's labels, or a correction of them, from which it begins.

    Raises
    ------
    MismatchError
        If a draft is there that began from other labels: it is kept, and must be moved or discarded.
    StoreError
        If it is open elsewhere, or damaged.
    """
    meaning = labels.content.labels
    if meaning is None or not meaning.labels:
        raise MismatchError(
            "DRAFT-LABELS",
            file=labels.path,
            field="labels",
            found="no names, or no image that they belong to",
            expected="labels of a model, or a correction of them",
            fix="name what postprocess wrote",
        )
    path = draft_path(root, model, sample, reviewer)
    origin = Origin(model, sample, reviewer, labels.commit.digest, meaning.image_digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        held.enter_context(leased(path))
        _refuse_other(path, origin)
        array = _array(path) if _origin(path) else _begin(path, labels, origin)
        return Draft(path, labels, origin, array, held.pop_all())


def find_drafts(root: Path, reviewer: str | None = None) -> tuple[Origin, ...]:
    """Return what drafts there are with edits in them: of one reviewer, or of all."""
    found = (root / FOLDER).glob(f"*/*/{reviewer or '*'}/origin.json")
    drafts = [(path.parent, _origin(path.parent)) for path in sorted(found)]
    return tuple(origin for path, origin in drafts if origin and next(_touched(path), None))


def set_aside(root: Path, origin: Origin) -> Path:
    """Move a draft that began from other labels out of the way, and return where it is kept."""
    path = draft_path(root, origin.model, origin.sample, origin.reviewer)
    aside = path.with_name(f"{path.name}.outdated-{origin.labels[:12]}-{uuid4().hex[:6]}")
    with leased(path):
        path.rename(aside)
        sync(path.parent)
    return aside


def _begin(path: Path, labels: StoredImage, origin: Origin) -> "zarr.Array[Any]":
    """Make an empty draft; its origin is written last and makes it one."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True, mode=0o700)
    meaning = labels.content.labels
    dtype = correction_dtype(
        labels.image.data.dtype, [label.value for label in meaning.labels] if meaning else []
    )
    array = zarr.create_array(
        RecordingStore(path / "labels.zarr"),
        shape=labels.image.shape,
        dtype=dtype,
        chunks=storage_grid(labels.image.shape)[0],
        compressors=ZstdCodec(level=1, checksum=True),
        fill_value=unseen_value(dtype),
        dimension_names=list(labels.image.meaning.axes),
        config={"write_empty_chunks": True},
    )
    sync(path / "labels.zarr")
    create_once(path / "origin.json", json.dumps(asdict(origin)).encode())
    _sync_up({path}, path.parent.parent.parent)
    return array


def _array(path: Path) -> "zarr.Array[Any]":
    try:
        return zarr.open_array(RecordingStore(path / "labels.zarr"), mode="r+")
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise _damaged(path, "labels.zarr", fault) from fault


def _origin(path: Path) -> Origin | None:
    """What a draft began from; None if there is none."""
    try:
        return Origin(**json.loads((path / "origin.json").read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as fault:
        raise _damaged(path, "origin.json", fault) from fault


def _damaged(path: Path, part: str, fault: Exception) -> StoreError:
    return StoreError(
        "DRAFT-DAMAGED",
        file=path,
        field=part,
        found=fault,
        expected="a draft as it was written",
        fix="move the folder away, and begin again",
    )


def _refuse_other(path: Path, origin: Origin) -> None:
    found = _origin(path)
    if found and found != origin:
        raise MismatchError(
            "DRAFT-OUTDATED",
            file=path,
            field="labels",
            found=f"edits of labels {found.labels[:12]}",
            expected=f"of those that are there now ({origin.labels[:12]})",
            fix="move the folder away, or delete it, and begin again",
        )


def _touched(path: Path) -> Iterator[Place]:
    """Chunks on the disk, by their files: ``labels.zarr/c/z/y/x``."""
    folder = path / "labels.zarr" / "c"
    for file in folder.rglob("*"):
        parts = file.relative_to(folder).parts
        if all(part.isdecimal() for part in parts) and file.is_file():
            yield tuple(map(int, parts))


def _chunk_file(path: Path, place: Place) -> Path:
    return path.joinpath("labels.zarr", "c", *map(str, place))


def _sync_up(folders: set[Path], top: Path) -> None:
    """Wait until the disk has the names in folders, and those folders' names, up to `top`."""
    above = {
        folder for start in folders for folder in (start, *start.parents) if top in (folder, *folder.parents)
    }
    for folder in sorted(above, key=lambda folder: -len(folder.parts)):
        sync(folder)
