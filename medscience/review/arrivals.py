"""Verdicts and corrections that come from another ledger."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from medscience.description import file_sha256
from medscience.errors import MismatchError
from medscience.review.corrections import correction_at, next_correction, refuse_other
from medscience.review.ellipses import read_ellipses, save_ellipses
from medscience.review.entry import Entry
from medscience.review.ledger import Ledger
from medscience.review.unseen import unseen_value
from medscience.review.verdict import Correction, Verdict
from medscience.store.commit import Provenance
from medscience.store.grid import regions
from medscience.store.images import ImageWriter, StoredImage, open_image
from medscience.store.metadata import Content
from medscience.store.staging import staged
from medscience.store.tables import read_table


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Takes entries of another ledger into this one.

    Parameters
    ----------
    ledger : Ledger
        Where they go.
    results : Path
        The folder of images and labels, with which corrections must agree.
    folder : Path
        The folder of corrections that they come with.
    """

    ledger: Ledger
    results: Path
    folder: Path

    def known(self) -> Mapping[str, Verdict]:
        """Return the verdicts that are here already, by what they were saved under."""
        return {entry.verdict.save_id: entry.verdict for entry in self.ledger.entries()}

    def take(self, entry: Entry, known: Mapping[str, Verdict]) -> Entry | None:
        """Keep a verdict and, first, its correction; None if it is here already.

        Raises
        ------
        MismatchError
            If its correction belongs to another image, lies on another grid or has other labels; or another
            verdict is here under its `save_id`.
        StoreError
            If its correction is missing or was altered.
        """
        said = entry.verdict
        mine = known.get(said.save_id)
        if mine is not None and replace(mine, correction=said.correction) == said:
            return None
        if said.correction:
            said = replace(said, correction=self._correction(said, said.correction))
        return self.ledger.save(said)

    def _correction(self, said: Verdict, theirs: Correction) -> Correction:
        image = open_image(self.results / f"images/{said.sample}.ome.zarr")
        path = self.folder / theirs.path
        if path.suffix == ".parquet":
            return self._ellipses(said, theirs, image.commit.digest)
        source = open_image(path)
        _refuse_another(path, source.commit.digest, theirs)
        labels = open_image(self.results / f"labels/{said.model}/{said.sample}.ome.zarr")
        destination = next_correction(self.ledger.folder, said.model, said.sample)
        copy_correction(source, labels, image, destination)
        return correction_at(destination)

    def _ellipses(self, said: Verdict, theirs: Correction, image: str) -> Correction:
        path = self.folder / theirs.path
        table = read_ellipses(path, image)
        _refuse_another(path, file_sha256(path), theirs)
        _, inputs = read_table(path)
        return save_ellipses(self.ledger.folder, (said.model, said.sample), table, inputs)


def _refuse_another(path: Path, digest: str, theirs: Correction) -> None:
    if digest != theirs.digest:
        raise MismatchError(
            "CORRECTION-OTHER",
            file=path,
            field="digest",
            found=digest[:12],
            expected=f"the correction of the verdict ({theirs.digest[:12]})",
            fix="bring the corrections that belong to the verdicts",
        )


def copy_correction(source: StoredImage, labels: StoredImage, image: StoredImage, destination: Path) -> None:
    """Write someone's correction as one of ours, every bit of it checked.

    Raises
    ------
    MismatchError
        If it is not one of these labels of this image: another image, grid, name or number.
    """
    refuse_other(source, labels, image)
    meaning = labels.content.labels
    data = source.image.data
    allowed = [label.value for label in meaning.labels] if meaning else []
    allowed.append(unseen_value(data.dtype))
    provenance = Provenance(
        "correct",
        {"imported": source.commit.digest},
        {"labels": labels.commit.digest, "image": image.commit.digest},
    )
    content = Content.of(labels.image.meaning, labels=meaning, source=labels.content.source)
    with staged(destination, provenance) as staging:
        writer = ImageWriter(staging, content, source.image.shape, data.dtype)
        for region in regions(writer.shape, writer.shards):
            values = source.image.read(region)
            strays = np.setdiff1d(values, allowed)
            if strays.size:
                raise MismatchError(
                    "CORRECTION-CONTENT",
                    file=source.path,
                    field="labels",
                    found=f"the numbers {strays.tolist()}",
                    expected="the model's labels",
                    fix="choose one of its labels",
                )
            writer.write(region, values)
        writer.finish()
