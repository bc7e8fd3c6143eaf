"""What people said of the results, for the report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from medscience.config.settings import Cohort
from medscience.report.results import Result
from medscience.review.edits import Edits
from medscience.review.reviews import Reviews
from medscience.review.standing import Standing


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A sample's labels by one model, as people left them."""

    model: str
    sample: str
    standing: Standing
    edits: Edits | None
    """None where nobody corrected anything, or the correction is not measured yet."""


def reviewed(cohort: Cohort, reviews: Reviews, results: Sequence[Result]) -> Iterator[Reviewed]:
    """Yield what people said, in the order of the cohort."""
    edits = {(result.model, result.sample.name): result.edits for result in results}
    for case in cohort.pairs:
        if case in reviews.cases:
            yield Reviewed(*case, reviews.cases[case], edits.get(case))
