"""Look at verdicts, hand them over and take them in, without a desktop."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from medscience.errors import BatchError, MedscienceError

if TYPE_CHECKING:
    from medscience.config.settings import Cohort
    from medscience.review.entry import Entry
    from medscience.review.reviews import Reviews
    from medscience.review.standing import Standing

log = logging.getLogger(__name__)

RESULTS = Path("results")

Folder = Annotated[Path, typer.Option(help="the folder of corrections and their ledger")]
ModelOption = Annotated[str | None, typer.Option(help="only of this model")]
SampleOption = Annotated[str | None, typer.Option(help="only of this sample")]
Config = Annotated[Path, typer.Argument(help="the settings of the run")]


def list_reviews(
    model: ModelOption = None,
    sample: SampleOption = None,
    form: Annotated[
        Literal["text", "csv", "json"],
        typer.Option("--format", help="text: a line for each sample; else every verdict"),
    ] = "text",
    folder: Folder = Path("corrections"),
) -> None:
    """Say who decided what of which sample, and where people disagree."""
    from medscience.review.exchange import to_csv, to_json
    from medscience.review.ledger import NAME, Ledger
    from medscience.review.reviews import read_reviews

    with Ledger(folder / NAME, read_only=True) as ledger:
        entries = ledger.entries(model, sample)
    if form != "text":
        typer.echo({"csv": to_csv, "json": to_json}[form](entries), nl=False)
        return
    for (of_model, of_sample), case in read_reviews(RESULTS, folder).cases.items():
        if model in (None, of_model) and sample in (None, of_sample):
            typer.echo(_line(of_model, of_sample, case))


def export(
    config: Config,
    destination: Annotated[
        Path, typer.Argument(help="NAME.json or NAME.csv for verdicts, NAME.tsv for a training sheet")
    ],
    model: ModelOption = None,
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(help="in the training sheet, of samples whose row of the sample sheet does not say"),
    ] = None,
    folder: Folder = Path("corrections"),
) -> None:
    """Write verdicts for others, or the accepted labels as a sheet that `train --data` reads."""
    from medscience.config.settings import read_cohort
    from medscience.review.exchange import to_csv, to_json
    from medscience.review.ledger import NAME, Ledger
    from medscience.review.reviews import read_reviews
    from medscience.review.sheet import training_sheet
    from medscience.store.files import write_whole

    forms = {".json": to_json, ".csv": to_csv}
    if destination.suffix not in (*forms, ".tsv"):
        raise typer.BadParameter("the name must end in .json, .csv or .tsv")
    if destination.suffix in forms:
        with Ledger(folder / NAME, read_only=True) as ledger:
            text = forms[destination.suffix](ledger.entries(model))
        write_whole(destination, text)
        return
    cohort, reviews = read_cohort(config), read_reviews(RESULTS, folder)
    sheet = training_sheet(reviews, cohort, _only_model(cohort, reviews, model), RESULTS, split)
    sheet.write(destination)
    for sample, reason in sheet.left_out:
        log.info("%s is not in the sheet: %s", sample, reason)
    log.info("%d samples in %s", len(sheet.rows), destination)


def import_reviews(
    verdicts: Annotated[Path, typer.Argument(help="what `review export` wrote, .json or .csv")],
    corrections: Annotated[
        Path | None, typer.Option(help="their folder of corrections; default: where the file lies")
    ] = None,
    folder: Folder = Path("corrections"),
    alone: Annotated[
        bool, typer.Option("--alone", help="keep all others out: for a ledger on a network file system")
    ] = False,
) -> None:
    """Take in verdicts and corrections of others; what is here already is left as it is."""
    from medscience.review.arrivals import Arrivals
    from medscience.review.exchange import read_entries
    from medscience.review.ledger import NAME, Ledger

    entries = read_entries(verdicts)
    failed, taken = 0, 0
    with Ledger(folder / NAME, alone=alone) as ledger:
        arrivals = Arrivals(ledger, RESULTS, corrections or verdicts.parent)
        known = arrivals.known()
        for entry in entries:
            try:
                taken += arrivals.take(entry, known) is not None
            except MedscienceError as fault:
                failed += 1
                typer.echo(fault.line, err=True)
    log.info("%d of %d verdicts taken in", taken, len(entries))
    if failed:
        raise BatchError(
            "REVIEW-IMPORT",
            file=verdicts,
            field="verdicts",
            found=f"{failed} of {len(entries)} refused",
            expected="none",
            fix="see the lines above; the others are saved, and a second import skips them",
        )


def verify(folder: Folder = Path("corrections")) -> None:
    """Check every verdict, and every byte of the corrections that verdicts name."""
    from medscience.review.corrections import faults_of
    from medscience.review.ledger import NAME, Ledger

    faults: list[MedscienceError] = []
    with Ledger(folder / NAME, read_only=True) as ledger:
        count = ledger.verify()
        named = [entry.verdict.correction for entry in ledger.entries() if entry.verdict.correction]
    for correction in dict.fromkeys(named):
        faults += faults_of(folder, correction)
    for known in faults[:-1]:
        log.error("%s", known)
    if faults:
        raise faults[-1]
    log.info("%d verdicts and %d corrections: nothing differs", count, len(set(named)))


def agreement(
    model: Annotated[str, typer.Argument(help="whose labels were read twice")],
    destination: Annotated[Path, typer.Argument(help="NAME.tsv")],
    folder: Folder = Path("corrections"),
) -> None:
    """Write how far a blind second reader agrees with the first: Dice of each label, and Cohen's kappa."""
    from medscience.review.agreement import pairs_of_readers
    from medscience.review.reviews import read_reviews
    from medscience.store.files import write_whole

    reviews = read_reviews(RESULTS, folder)
    rows = [("sample", "first", "second", "label", "dice", "kappa")]
    for (of_model, sample), case in reviews.cases.items():
        for pair in pairs_of_readers(case) if of_model == model else ():
            rows += _agreement_rows(model, sample, pair, folder)
    write_whole(destination, "".join("\t".join(row) + "\n" for row in rows))


def _agreement_rows(
    model: str, sample: str, pair: "tuple[Entry, Entry]", folder: Path
) -> list[tuple[str, str, str, str, str, str]]:
    from medscience.review.agreement import labels_of, readers_agreement
    from medscience.review.corrections import label_meaning
    from medscience.store.images import open_image

    labels = open_image(RESULTS / f"labels/{model}/{sample}.ome.zarr")
    images = [labels_of(entry, folder, labels) for entry in pair]
    found = readers_agreement(images[0], images[1], label_meaning(labels).labels)
    first, second = (entry.verdict.reviewer for entry in pair)
    return [
        (sample, first, second, name.replace("\t", " "), _number(dice), _number(found.kappa))
        for name, dice in found.dice.items()
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _line(model: str, sample: str, case: "Standing") -> str:
    """Say in one line what stands of a sample."""
    from medscience.errors import one_line

    said = [
        f"{e.verdict.reviewer}{' (blind)' * e.verdict.blind}: {e.verdict.decision}" for e in case.last_of_each
    ]
    marks = [
        *(["DISAGREE"] if case.conflict else []),
        *([f"{len(case.outdated)} of other images or labels"] if case.outdated else []),
    ]
    reason = case.newest.verdict.reason if case.newest else ""
    parts = [model, sample, case.decision or "not decided", f"{case.seconds / 60:.1f} min", ", ".join(said)]
    return one_line("  ".join([*parts, *marks, *([reason] if reason else [])]))


def _only_model(cohort: "Cohort", reviews: "Reviews", model: str | None) -> str:
    """Return the model whose labels go into a training sheet."""
    names: Sequence[str] = sorted({of_model for of_model, _ in reviews.cases})
    if model is None and len(names) != 1:
        raise typer.BadParameter(f"--model must name one of {', '.join(names) or 'the reviewed models'}")
    wanted = model or names[0]
    if wanted not in {name for name, _ in cohort.pairs}:
        raise typer.BadParameter(f"--model {wanted} is none of the settings' models")
    return wanted
