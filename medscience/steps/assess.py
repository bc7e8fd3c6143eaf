"""What a network made of phases: how far they changed, and against a truth how good they are."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from medscience.store.images import StoredImage


def assess(
    restored: Annotated[Path, typer.Argument(help="the store of the restored phases")],
    image: Annotated[Path, typer.Argument(help="the phases that they were made from")],
    destination: Annotated[Path, typer.Argument(help="NAME.parquet")],
    truth: Annotated[Path | None, typer.Option(help="a store of the true phases")] = None,
    tumour: Annotated[Path | None, typer.Option(help="a store of the tumour in each of them")] = None,
    radius: Annotated[float, typer.Option(min=10, help="of the field of view, mm")] = 230.0,
) -> None:
    """Write error, similarity, streaks and the tumour's place for each phase and region."""
    import json
    import time

    from medscience.errors import about
    from medscience.measure.phases import Truth, motion, table
    from medscience.measure.phases import assess as rows_of
    from medscience.store.images import open_image
    from medscience.store.record import circumstances
    from medscience.store.tables import write_table

    started = time.time()
    found, before = open_image(restored), open_image(image)
    digests = {"restored": found.commit.digest, "image": before.commit.digest}
    true = open_image(truth) if truth else None
    shown = open_image(tumour) if tumour and truth else None
    for role, other in (("image", before), ("truth", true), ("tumour", shown)):
        if other is not None:
            with about(other.path):
                _refuse_other_phases(found, other)
            digests[role] = other.commit.digest
    geometry = found.image.geometry
    after, given = _phases(found), _phases(before)
    known = Truth(_phases(true), _phases(shown) > 0 if shown else None) if true else None
    rows = rows_of(given, after, geometry, radius, known)
    overall = motion(given, after, geometry, radius, known) if known else {}
    model = str(found.commit.record.get("model", ""))
    stated = digests | ({"motion": json.dumps(overall, sort_keys=True)} if overall else {})
    write_table(destination, table(destination.stem, model, rows), stated, circumstances(started))


def _phases(stored: "StoredImage") -> "NDArray[Any]":
    import numpy as np

    return np.asarray(stored.image.read(tuple(slice(None) for _ in stored.image.shape)))


def _refuse_other_phases(restored: "StoredImage", other: "StoredImage") -> None:
    from medscience.errors import MismatchError

    ours, theirs = restored.image, other.image
    if ours.shape == theirs.shape and ours.meaning.axes == "tzyx" and ours.geometry.close_to(theirs.geometry):
        return
    raise MismatchError(
        "ASSESS-GRID",
        field="phases and grid",
        found=f"axes {theirs.meaning.axes}, shape {theirs.shape}, {theirs.geometry.orientation}",
        expected=f"those of the restored phases: {ours.shape}, {ours.geometry.orientation}",
        fix="name phases on the same grid",
    )
