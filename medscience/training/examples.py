"""Images with their labels as a network sees them, opened lazily and looked through once."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.arrays import laid_out
from medscience.config.pairs import Pair
from medscience.description import Design
from medscience.errors import ConfigError, MedscienceError, MismatchError, about
from medscience.geometry import Sizes
from medscience.image import Image
from medscience.inference.frame import frame_of
from medscience.preprocess.normalize import Normalization, Windowing, normalization
from medscience.preprocess.resample import nearest
from medscience.progress import Tell, nobody
from medscience.store.images import StoredImage, open_image
from medscience.training.chunks import Chunks

PLACES = 4096
"""Voxels of each class that are remembered of an image, to draw patches around."""
SLAB = 32


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of labels on the network's grid after looking through them once."""

    counts: NDArray[np.int64]
    """Voxels of each class."""
    places: tuple[NDArray[np.int32], ...]
    """For each class some of its voxels, drawn at random, shape (n, 3)."""
    box: tuple[tuple[int, int], ...]
    """First index and the one after the last of what is not background, along each axis."""
    strays: tuple[int, ...]
    """Values that stand for no class."""


@dataclass(frozen=True, slots=True)
class Example:
    """An image and its labels."""

    pair: Pair
    image: Image
    """As stored (Z, Y, X), for the predict engine."""
    labels: Image
    """On the same grid."""
    seen: Image
    """What the network sees (I, J, K), before `normalize`."""
    truth: Image
    """The labels there."""
    normalize: Normalization | Windowing
    unseen: int
    """Value of the labels that says that nobody looked: the largest of their type."""
    survey: Survey
    digests: tuple[str, str, str]
    """Of the two stores, and of the pixels as the network sees them: the same under whatever name."""

    @property
    def shape(self) -> Sizes:
        """Voxels along the network's axes."""
        i, j, k = self.seen.shape
        return i, j, k


def open_examples(
    sheet: object, pairs: Sequence[Pair], design: Design, chunks: Chunks, seed: int, tell: Tell = nobody
) -> list[Example]:
    """Open all images and labels of a sheet.

    Parameters
    ----------
    sheet : Path
        Named in the error.
    pairs : sequence of Pair
        Its rows.
    design : Design
        Says what the network sees, and which classes there are.
    chunks : Chunks
        Keeps what is decoded.
    seed : int
        Chooses the voxels that are remembered.

    Raises
    ------
    ConfigError
        If some cannot be used: missing or altered stores, other grids, labels out of range. All are named.
    """
    examples, faults = [], []
    for number, pair in enumerate(pairs):
        tell(number, len(pairs))
        try:
            examples.append(_open(pair, design, chunks, np.random.default_rng([seed, number])))
        except MedscienceError as fault:
            faults.append(f"{pair.sample}: {fault.line}")
    if faults:
        raise ConfigError(
            "TRAIN-DATA",
            file=str(sheet),
            field=f"{len(faults)} of {len(pairs)} samples",
            found="; ".join(faults),
            expected="images and their labels",
            fix="mend them, or take them out of the sheet",
        )
    tell(len(pairs), len(pairs))
    return examples


def _open(pair: Pair, design: Design, chunks: Chunks, random: np.random.Generator) -> Example:
    scan, truth = open_image(pair.image), open_image(pair.labels)
    with about(truth.path):
        _belong_together(scan, truth, design)
    image, labels = (_chunked(one.volume("training"), chunks) for one in (scan, truth))
    aligned = labels.turned(labels.geometry.reorientation(design.input.axes))
    with about(scan.path):
        seen = frame_of(image, design.input).image
        if not aligned.geometry.close_to(seen.geometry):  # interpolated: once, not for each patch
            seen, aligned = _chunked(seen, chunks), _chunked(nearest(labels, seen.geometry), chunks)
        normalize = normalization(seen, design.input.normalize)
    unseen = int(np.iinfo(labels.data.dtype).max)
    survey = surveyed(aligned, len(design.output.labels), unseen, random)
    if survey.strays:
        raise MismatchError(
            "TRAIN-LABEL",
            file=truth.path,
            field="labels",
            found=f"the numbers {', '.join(map(str, survey.strays))}",
            expected=f"0 to {len(design.output.labels) - 1}, or {unseen} where nobody looked",
            fix="correct the labels, or use a model with these classes",
        )
    digests = scan.commit.digest, truth.commit.digest, _pixels(seen)
    return Example(pair, image, labels, seen, aligned, normalize, unseen, survey, digests)


def _chunked(image: Image, chunks: Chunks) -> Image:
    return replace(image, data=chunks.over(image.data))


def _belong_together(scan: StoredImage, truth: StoredImage, design: Design) -> None:
    """Refuse labels that are not labels, of another image, on another grid, or with other meanings."""
    meaning = truth.content.labels
    named = {label.value: label.name for label in meaning.labels} if meaning else {}
    other = [
        f"{label.value} is {named[label.value]!r}, not {label.name!r}"
        for label in design.output.labels
        if named.get(label.value, label.name) != label.name
    ]
    checks = {
        "content": (scan.content.is_labels or not truth.content.is_labels, "an image and its labels"),
        "axes": (
            scan.content.meaning.axes != "zyx" or truth.content.meaning.axes != "zyx",
            "volumes z, y, x",
        ),
        "image digest": (
            meaning is not None and meaning.image_digest != scan.commit.digest,
            f"labels of this image ({scan.commit.digest[:12]})",
        ),
        "grid": (not truth.image.geometry.close_to(scan.image.geometry), "the image's grid"),
        "names": (bool(other), "the model's names"),
    }
    for field, (wrong, expected) in checks.items():
        if wrong:
            raise MismatchError(
                "TRAIN-PAIR",
                field=field,
                found="; ".join(other) if field == "names" else "another",
                expected=expected,
                fix="name the labels that belong to the image, ingested with --labels",
            )


def surveyed(labels: Image, classes: int, unseen: int, random: np.random.Generator) -> Survey:
    """Look through labels (I, J, K) slab by slab.

    Parameters
    ----------
    classes : int
        Number of classes; other values are strays.
    unseen : int
        The value that stands for "not looked at".
    random : Generator
        Chooses the places, each voxel of a class with the same chance.
    """
    shape = labels.shape
    counts = np.zeros(classes, dtype=np.int64)
    places = [_Places.empty() for _ in range(classes)]
    along = [np.zeros(n, dtype=bool) for n in shape]
    strays: set[int] = set()
    for start in range(0, shape[0], SLAB):
        slab = labels.read((slice(start, start + SLAB), slice(None), slice(None)))
        for value in np.unique(slab).tolist():
            if not 0 <= value < classes:
                strays |= {value} - {unseen}
                continue
            found = np.flatnonzero(slab == value)
            at = np.stack(np.unravel_index(found, slab.shape), axis=1).astype(np.int32)
            at[:, 0] += start
            counts[value] += len(at)
            if value:
                for axis, indices in zip(along, at.T, strict=True):
                    axis[indices] = True
            places[value] = places[value].with_more(at, random)
    kept = tuple(place.voxels for place in places)
    return Survey(counts, kept, tuple(map(_extent, along)), tuple(sorted(strays)))


@dataclass(frozen=True, slots=True)
class _Places:
    """A fair choice of the voxels so far: those with the smallest of numbers drawn for each."""

    voxels: NDArray[np.int32]
    ranks: NDArray[np.float64]

    @classmethod
    def empty(cls) -> "_Places":
        return cls(np.zeros((0, 3), dtype=np.int32), np.zeros(0))

    def with_more(self, voxels: NDArray[np.int32], random: np.random.Generator) -> "_Places":
        ranks = np.concatenate([self.ranks, random.random(len(voxels))])
        together = np.concatenate([self.voxels, voxels])
        if len(ranks) > PLACES:
            chosen = np.argpartition(ranks, PLACES)[:PLACES]
            return _Places(together[chosen], ranks[chosen])
        return _Places(together, ranks)


def _extent(labelled: NDArray[np.bool_]) -> tuple[int, int]:
    indices = np.flatnonzero(labelled)
    return (int(indices[0]), int(indices[-1]) + 1) if len(indices) else (0, len(labelled))


def _pixels(image: Image) -> str:
    """Digest of an image's size and values, whatever their type."""
    digest = hashlib.sha256(repr(image.shape).encode())
    for slab in image.slabs(SLAB):
        digest.update(np.ascontiguousarray(slab, dtype=np.float32).data)
    return digest.hexdigest()


def needs(examples: Sequence[Example], design: Design, patches: Sequence[Sizes]) -> Iterator[str]:
    """Yield why the examples are not enough to train with: classes that none has, patches that do not fit."""
    found = sum(
        (example.survey.counts for example in examples), np.zeros(len(design.output.labels), np.int64)
    )
    for label in design.output.labels:
        if not found[label.value]:
            yield f"no training sample has label {label.value}, {label.name}"
    for example, patch in product(examples, patches):
        if any(p > n for p, n in zip(patch, example.shape, strict=True)):
            sizes = [" x ".join(map(str, each)) for each in (patch, example.shape)]
            yield f"a patch of {sizes[0]} is larger than {example.pair.sample}, {sizes[1]}"


def image_patch(example: Example, region: tuple[slice, ...]) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Return an image's normalised voxels and its labels in a region (I, J, K)."""
    image, labels = (laid_out(one.read(region)) for one in (example.seen, example.truth))
    return example.normalize(image), labels
