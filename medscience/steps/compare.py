"""Compare two models on the same samples."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from medscience.measure.compare import Scores


def compare(
    first: Annotated[Path, typer.Argument(help="results/measurements/MODEL, a folder of tables")],
    second: Annotated[Path, typer.Argument(help="another model's, on the same samples")],
    destination: Annotated[Path, typer.Argument(help="NAME.tsv")],
) -> None:
    """Write how Dice differs, label by label, with bootstrap intervals and Wilcoxon's paired test."""
    from medscience.measure.compare import compared
    from medscience.store.files import write_whole

    rows = compared(_scores(first), _scores(second), str(second))
    lines = ["label\tsamples\tfirst\tsecond\tdifference\tlow\thigh\tp\tp_holm"]
    for row in rows:
        numbers = (row.first, row.second, row.difference.mean, row.difference.low, row.difference.high)
        cells = [f"{x:.4f}" for x in numbers] + [f"{row.p:.3g}", f"{row.p_holm:.3g}"]
        lines.append("\t".join([row.name, str(row.difference.samples), *cells]))
    write_whole(destination, "\n".join(lines) + "\n")
    typer.echo("\n".join(lines))


def _scores(folder: Path) -> "Scores":
    """Read the Dice of a model's tables: by sample the digest of its reference, and Dice by label."""
    from medscience.store.tables import read_table

    scores: Scores = {}
    for path in sorted(folder.glob("*.parquet")):
        table, digests = read_table(path)
        dices = {row["name"]: row["dice"] for row in table.to_pylist() if row["dice"] is not None}
        if "reference" in digests:
            scores[path.stem] = (digests["reference"], dices)
    return scores
