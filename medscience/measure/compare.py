"""Two models side by side, on the same samples and against the same references."""

from collections.abc import Mapping
from dataclasses import dataclass

from medscience.errors import MismatchError
from medscience.measure.statistics import Interval, holm, paired

Scores = dict[str, tuple[str, Mapping[str, float]]]
"""By sample: the digest of its reference, and the Dice of each label by name."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How two models differ in a label; `difference` is second minus first."""

    name: str
    first: float
    second: float
    difference: Interval
    p: float
    """Wilcoxon's signed-rank test, two-sided."""
    p_holm: float
    """The same, allowing for how many labels are tested."""


def compared(first: Scores, second: Scores, file: str) -> list[Compared]:
    """Return a row for each label that both models have, over the samples in which both have it.

    Parameters
    ----------
    first, second : dict
        Scores of the two.
    file : str
        Named in errors.

    Raises
    ------
    MismatchError
        If the samples or their references are not the same: then nothing is paired.
    """
    differing = sorted(
        sample
        for sample in first.keys() | second.keys()
        if first.get(sample, ("",))[0] != second.get(sample, ("",))[0]
    )
    if differing or not first:
        raise MismatchError(
            "COMPARE-SAMPLES",
            file=file,
            field="samples",
            found=f"no same reference in both for {', '.join(differing) or 'any sample'}",
            expected="tables of the same samples, measured against the same references",
            fix="run both models on the same sheet, with its references",
        )
    names = dict.fromkeys(name for _, dices in first.values() for name in dices)
    values = {name: _pairs(first, second, name) for name in names}
    found = {
        name: paired([a for a, _ in pairs], [b for _, b in pairs]) for name, pairs in values.items() if pairs
    }
    adjusted = holm([each.p for each in found.values()])
    return [
        Compared(
            name,
            sum(a for a, _ in values[name]) / len(values[name]),
            sum(b for _, b in values[name]) / len(values[name]),
            each.difference,
            each.p,
            p,
        )
        for (name, each), p in zip(found.items(), adjusted, strict=True)
    ]


def _pairs(first: Scores, second: Scores, name: str) -> list[tuple[float, float]]:
    """The Dice of a label by both, in samples in which both have it."""
    both = ((first[sample][1], second[sample][1]) for sample in sorted(first))
    return [(a[name], b[name]) for a, b in both if name in a and name in b]
