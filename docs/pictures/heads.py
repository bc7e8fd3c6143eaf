"""Make docs/pictures/heads.png: heads as T1, T2 and a random contrast, and the truth of the first."""

from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from medscience.simulate.head import Head, simulate_head

TARGET = Path(__file__).with_name("heads.png")
COLOURS = ListedColormap(["black", "white", "#cd3e4e", "#3c78dc"])


def main() -> None:
    """Draw an axial, a coronal and a sagittal slice of each."""
    heads = [
        (f"seed {seed}, {contrast}", simulate_head(seed, contrast=contrast))
        for seed, contrast in ((11, "T1"), (12, "T2"), (13, "random"))
    ]
    figure = Figure(figsize=(12, 13.2), facecolor="black", layout="constrained")
    rows = [(name, head, head.image) for name, head in heads] + [
        ("truth of the first", heads[0][1], heads[0][1].labels)
    ]
    panels = figure.subplots(len(rows), 3)
    for line, (name, head, values) in zip(panels, rows, strict=True):
        is_truth = values is head.labels
        for axes, piece, aspect in zip(line, *_slices(head, values), strict=True):
            colours = (
                {"cmap": COLOURS, "vmax": 3}
                if is_truth
                else {"cmap": "gray", "vmax": np.percentile(values, 99.7)}
            )
            axes.imshow(piece, origin="lower", aspect=aspect, interpolation="nearest", **colours)
            axes.axis("off")
        line[0].set_title(name, color="white", loc="left")
    figure.savefig(TARGET, dpi=75)


def _slices(head: Head, values: np.ndarray) -> tuple[list[np.ndarray], list[float]]:
    """Return the slices through the middle of the white matter, and how much higher than wide a pixel is."""
    turn = head.geometry.reorientation("SAL")
    upright, spacing = turn.apply(values), head.geometry.reoriented(turn).spacing
    z, y, x = np.argwhere(turn.apply(head.labels) == 1).mean(axis=0).astype(int)
    pieces = [upright[z], upright[:, y], upright[:, :, x + 6]]
    return pieces, [spacing[1] / spacing[2], spacing[0] / spacing[2], spacing[0] / spacing[1]]


if __name__ == "__main__":
    main()
