"""Measure a liver and its lesions."""

from pathlib import Path
from typing import Annotated

import typer


def lesions(
    labels: Annotated[Path, typer.Argument(help="labels of a model that knows liver and tumour")],
    image: Annotated[Path, typer.Argument(help="the CT that they were made from")],
    destination: Annotated[Path, typer.Argument(help="NAME.parquet: a row for each lesion")],
    liver: Annotated[Path, typer.Argument(help="NAME.parquet: one row, for the case")],
    reference: Annotated[
        Path | None, typer.Option(help="labels to compare with, ingested with --labels")
    ] = None,
    correction: Annotated[
        Path | None, typer.Option(help="what a person made of the labels: measured in their place")
    ] = None,
) -> None:
    """Write size, diameters, place and HU of every lesion, and how a case agrees with a reference."""
    import time

    from medscience.errors import about
    from medscience.measure.livers import liver_and_tumour, measure_liver, tables
    from medscience.steps.labelled import read_labelled
    from medscience.store.record import circumstances
    from medscience.store.tables import write_table

    started = time.time()
    case = read_labelled(labels, image, reference, correction)
    with about(case.found.path):
        values = liver_and_tumour(case.meaning.labels)
    with about(case.truth.path if case.truth else case.found.path):
        truth = case.truth.image if case.truth else None
        measured = measure_liver(case.levels[0], case.scan.image, values, truth)
    owner = (destination.stem, case.meaning.model or "")
    record, stated = circumstances(started), case.digests | case.edits
    for path, table in zip((liver, destination), reversed(tables(owner, *measured)), strict=True):
        write_table(path, table, stated, record)
