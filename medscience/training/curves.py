"""Learning curves: a table, and a figure."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medscience.store.files import replaced, write_whole
from medscience.training.checkpoint import Checkpoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMOOTH = 50
"""Parts of the run whose mean loss is drawn."""


def write_curves(folder: Path, state: Checkpoint, metric: str = "") -> None:
    """Write ``curves.tsv``, a row for each step, and ``curves.png``.

    Parameters
    ----------
    metric : str
        Name of what was validated on the way, if anything was.
    """
    found = {validation.step: validation for validation in state.validations}
    rows = [f"step\tloss\t{metric}\tlow\thigh"]
    for step, loss in enumerate(state.losses, start=1):
        seen = found.get(step)
        cells = [f"{x:.6g}" for x in (seen.value, seen.low, seen.high)] if seen else ["", "", ""]
        rows.append("\t".join([str(step), f"{loss:.6g}", *cells]))
    write_whole(folder / "curves.tsv", "\n".join(rows) + "\n")
    with replaced(folder / "curves.png") as temporary:
        _draw(temporary, state, metric)


def _draw(path: Path, state: Checkpoint, metric: str) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second that only the end of a run needs

    figure = Figure(figsize=(8, 4), layout="constrained")
    left, right = figure.subplots(1, 2) if state.validations else (figure.subplots(), None)
    parts = np.array_split(np.array(state.losses), min(SMOOTH, len(state.losses)))
    ends = np.cumsum([len(part) for part in parts])
    left.plot(ends, [part.mean() for part in parts])
    left.set(xlabel="step", ylabel="loss")
    if right is not None:
        _draw_validations(right, state, metric)
    figure.savefig(path, format="png", dpi=120)


def _draw_validations(right: "Axes", state: Checkpoint, metric: str) -> None:
    steps = [validation.step for validation in state.validations]
    values = [validation.value for validation in state.validations]
    low, high = ([getattr(v, end) for v in state.validations] for end in ("low", "high"))
    right.fill_between(steps, low, high, alpha=0.2, linewidth=0)
    right.plot(steps, values, marker="o", markersize=3)
    right.set(xlabel="step", ylabel=f"{metric} of the validation samples")
