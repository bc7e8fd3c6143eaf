"""Make the page of a cohort."""

from pathlib import Path
from typing import Annotated

import typer

RESULTS = Path("results")


def report(
    config: Annotated[Path, typer.Argument(help="the settings of the run")],
    destination: Annotated[Path, typer.Argument(help="NAME.html")],
) -> None:
    """Write a cohort's page, and its measurements as NAME.tsv, from what is committed and what failed."""
    from medscience.config.settings import read_cohort
    from medscience.description import MODELS
    from medscience.report.collect import collect
    from medscience.report.html import write_report
    from medscience.review.reviews import read_reviews
    from medscience.terminal.progress import shown

    cohort, reviews = read_cohort(config), read_reviews(RESULTS)
    with shown("report") as tell:
        write_report(collect(cohort, RESULTS, MODELS, config, tell, reviews), destination)
