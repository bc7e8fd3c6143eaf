"""Corrections: stores of labels that people made from a model's, never in its place."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.description import file_sha256
from medscience.errors import MedscienceError, MismatchError, StoreError
from medscience.image import Image, LazyArray
from medscience.progress import Tell, nobody
from medscience.review.drafts import Draft
from medscience.review.ledger import Ledger
from medscience.review.standing import standing
from medscience.review.unseen import unseen_value
from medscience.review.verdict import Correction
from medscience.store.commit import Provenance, read_commit
from medscience.store.grid import regions
from medscience.store.images import ImageWriter, StoredImage, open_image
from medscience.store.metadata import Content, LabelMeaning
from medscience.store.staging import staged
from medscience.store.tables import read_table
from medscience.store.verify import verify

FOLDER = Path("corrections")
"""Of a project; outside of its results, because no workflow makes them again."""


def next_correction(root: Path, model: str, sample: str, suffix: str = ".ome.zarr") -> Path:
    """Return where a sample's next correction goes: ``{root}/{model}/{sample}/{n}.ome.zarr``.

    Tables of ellipses have the suffix ``.parquet``.
    """
    folder = root / model / sample
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    taken = [int(found[1]) for found in map(re.compile(rf"(\d+){re.escape(suffix)}").match, names) if found]
    return folder / f"{max(taken, default=0) + 1}{suffix}"


def save_correction(draft: Draft, destination: Path, tell: Tell = nobody) -> Correction:
    """Commit a draft's labels as a store with all its levels, and return what a verdict names.

    The draft stays. If the very same edits were committed already, as a crash before the verdict leaves it,
    that store is the one.

    Parameters
    ----------
    draft : Draft
        Labels of one sample.
    destination : Path
        What `next_correction` returned.
    tell : callable
        Hears of every block.

    Raises
    ------
    MismatchError
        If nothing was edited, nothing was looked at, or a number stands for no label.
    StoreError
        If it cannot be written.
    """
    base, meaning = draft.labels, label_meaning(draft.labels)
    provenance = Provenance(
        "correct",
        {"edits": draft.digest()},
        {"labels": base.commit.digest, "image": meaning.image_digest},
    )
    there = _committed(destination.parent, provenance)
    if there:
        return correction_at(there)
    content = Content.of(base.image.meaning, labels=meaning, source=base.content.source)
    tally = _Tally(tuple(label.value for label in meaning.labels), unseen_value(draft.dtype))
    with staged(destination, provenance) as staging:
        writer = ImageWriter(staging, content, draft.shape, draft.dtype)
        blocks = regions(writer.shape, writer.shards)
        for done, region in enumerate(blocks):
            tell(done, len(blocks))
            values = draft[region]
            tally.add(base.image.read(region), values)
            writer.write(region, values)
        tally.refuse(destination)
        writer.finish()
        tell(len(blocks), len(blocks))
        staging.record["edits"] = {"voxels": tally.changed, "chunks": len(draft.touched)}
    return correction_at(destination)


def correction_at(store: Path) -> Correction:
    """Return what a verdict names of a committed correction ``…/{model}/{sample}/{n}.ome.zarr``."""
    return Correction("/".join(store.parts[-3:]), read_commit(store).digest)


def open_correction(folder: Path, correction: Correction) -> StoredImage:
    """Open the very store that a verdict names.

    Raises
    ------
    StoreError
        If it is missing, or another lies there.
    """
    stored = open_image(folder / correction.path)
    if stored.commit.digest != correction.digest:
        raise _another(stored.path, stored.commit.digest, correction)
    return stored


def faults_of(folder: Path, correction: Correction) -> list[MedscienceError]:
    """Return all that differs from the correction that a verdict names: a store, or a table of ellipses."""
    path = folder / correction.path
    try:
        if path.suffix != ".parquet":
            return verify(open_correction(folder, correction).path)
        read_table(path)
        found = file_sha256(path)
    except MedscienceError as fault:
        return [fault]
    return [] if found == correction.digest else [_another(path, found, correction)]


def _another(path: Path, digest: str, correction: Correction) -> StoreError:
    return StoreError(
        "CORRECTION-OTHER",
        file=path,
        field="digest",
        found=digest[:12],
        expected=f"the correction that was accepted ({correction.digest[:12]})",
        fix="put it back from a copy, or review the sample again",
    )


def newest_accepted(
    ledger: Ledger, model: str, sample: str, image: str | None = None, labels: str | None = None
) -> Path | None:
    """Return the correction that stands for a sample's labels; None if the model's do, or nothing does.

    Parameters
    ----------
    image, labels : str, optional
        Digests of the image and of the model's labels that are there now: see `standing`.
    """
    entries = ledger.entries(model, sample)
    newest = standing(entries, image, labels).newest
    if newest is None or newest.verdict.decision == "reject":
        return None
    if newest.verdict.correction:
        return ledger.folder / newest.verdict.correction.path
    approved = [e.verdict.correction for e in entries if e.verdict.correction]  # whoever made it
    path = next((c.path for c in reversed(approved) if c.digest == newest.verdict.shown.labels), None)
    return ledger.folder / path if path else None


def filled(correction: Image, labels: Image) -> Image:
    """Return a correction with the model's labels where nobody looked.

    Parameters
    ----------
    correction, labels : Image
        On one grid.

    Raises
    ------
    MismatchError
        If their grids differ.
    """
    if not correction.geometry.close_to(labels.geometry):
        raise MismatchError(
            "CORRECTION-GRID",
            field="grid",
            found=f"{correction.shape} {correction.geometry.orientation}",
            expected=f"that of the labels, {labels.shape} {labels.geometry.orientation}, within 0.001 mm",
            fix="correct the labels of this very image",
        )
    return replace(correction, data=_Filled(correction.data, labels.data))


def label_meaning(stored: StoredImage) -> LabelMeaning:
    """Return what the numbers of a store of labels stand for.

    Raises
    ------
    MismatchError
        If it does not say so, or does not say of which image.
    """
    meaning = stored.content.labels
    if meaning is None or not meaning.labels:
        raise MismatchError(
            "CORRECTION-LABELS",
            file=stored.path,
            field="labels",
            found="no names, or no image that they belong to",
            expected="labels of a model, or a correction of them",
            fix="name what postprocess wrote",
        )
    return meaning


def refuse_other(correction: StoredImage, labels: StoredImage, image: StoredImage) -> None:
    """Refuse a correction that is not one of these labels of this image.

    Raises
    ------
    MismatchError
        If the image, the grid or the names are others.
    """
    mine, theirs = label_meaning(correction), label_meaning(labels)
    names = [[(label.value, label.name) for label in meaning.labels] for meaning in (mine, theirs)]
    checks = {
        "image digest": (mine.image_digest, image.commit.digest),
        "names": (names[0], names[1]),
    }
    if not correction.image.geometry.close_to(image.image.geometry):
        checks["grid"] = _grid(correction), f"{_grid(image)}, corners within 0.001 mm"
    for field, (found, expected) in checks.items():
        if found != expected:
            raise MismatchError(
                "CORRECTION-PAIR",
                file=correction.path,
                field=field,
                found=str(found)[:200],
                expected=str(expected)[:200],
                fix="correct the labels of this very image",
            )


def _grid(stored: StoredImage) -> str:
    geometry = stored.image.geometry
    return f"{geometry.shape} {geometry.orientation} at {tuple(round(n, 3) for n in geometry.origin)}"


@dataclass(frozen=True, slots=True)
class _Filled:
    """Reads a correction, and what lies below it where nobody looked."""

    above: LazyArray
    below: LazyArray

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.above.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.above.dtype

    def __getitem__(self, region: Any) -> NDArray[Any]:  # noqa: ANN401 - zarr's and NumPy's selections differ
        values = np.asarray(self.above[region])
        hidden = values == unseen_value(self.dtype)
        return np.where(hidden, self.below[region], values).astype(self.dtype) if hidden.any() else values


@dataclass(slots=True)
class _Tally:
    """What stands in a correction that is being written."""

    named: tuple[int, ...]
    unseen: int
    seen: int = 0
    """Voxels that someone looked at."""
    changed: int = 0
    strays: set[int] | None = None

    def add(self, before: NDArray[Any], after: NDArray[Any]) -> None:
        looked = after != self.unseen
        self.seen += int(looked.sum())
        self.changed += int((before != after).sum())
        self.strays = (self.strays or set()) | set(np.unique(after[looked]).tolist()) - set(self.named)

    def refuse(self, store: Path) -> None:
        checks = (
            (
                self.strays,
                "labels",
                f"the numbers {sorted(self.strays or ())}",
                "the model's labels",
                "choose",
            ),
            (
                not self.changed,
                "edits",
                "none",
                "a label that was changed",
                "accept the labels as they are, or",
            ),
            (not self.seen, "labels", "nothing that was looked at", "some of it", "defer it, or"),
        )
        for wrong, field, found, expected, fix in checks:
            if wrong:
                raise MismatchError(
                    "CORRECTION-CONTENT",
                    file=store,
                    field=field,
                    found=found,
                    expected=expected,
                    fix=f"{fix} one of its labels" if fix == "choose" else f"{fix} correct some",
                )


def _committed(folder: Path, provenance: Provenance) -> Path | None:
    """Return the store of a folder that has this very content."""
    for commit in sorted(folder.glob("*.ome.zarr.commit.json")):
        store = commit.with_name(commit.name.removesuffix(".commit.json"))
        if read_commit(store).provenance.fingerprint == provenance.fingerprint:
            return store
    return None
