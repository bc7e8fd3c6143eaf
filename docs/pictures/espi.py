"""Make docs/pictures/espi.png: moments of a simulated strike, single frames, and how far each note swings."""

from itertools import islice
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse as Outline

from medscience.antinode import Ellipse
from medscience.simulate.espi.published import published_shots
from medscience.simulate.espi.shots import drawn_shots
from medscience.simulate.espi.strike import Strike, simulate_strike

TARGET = Path(__file__).with_name("espi.png")
SEED, LENGTH = 7, 900
AFTER = (14, 40, 247, 620)
"""Frames after the blow."""


def main() -> None:
    """Draw frames of a strike with the truth of one, other pans, the published recipe, and the motion."""
    strike = simulate_strike(SEED, LENGTH)
    figure = Figure(figsize=(13, 9.4), facecolor="black", layout="constrained")
    rows = figure.subfigures(3, 1, height_ratios=(1, 1, 0.85), facecolor="black")
    blow = int(strike.blow_s * strike.optics.frame_rate_hz)
    for panel, after in zip(rows[0].subplots(1, 4), AFTER, strict=True):
        number = blow + after
        random = np.random.default_rng(number)
        _show(panel, strike.camera.take(strike.brightness(number), random), f"{after / 15.037:.1f} ms")
        if after == AFTER[-1]:
            for note in strike.notes:
                _outline(panel, note.dome.ellipse)
    others = [shot.frame for shot in islice(drawn_shots(21), 1, 4)] + [next(published_shots(1)).frame]
    titles = ["another pan", "another pan", "another pan", "the published recipe"]
    for panel, frame, title in zip(rows[1].subplots(1, 4), others, titles, strict=True):
        _show(panel, frame, title)
    _motion(rows[2].subplots(1, 1), strike)
    figure.savefig(TARGET, dpi=80)


def _show(panel: Axes, frame: np.ndarray, title: str) -> None:
    panel.imshow(frame, cmap="gray", vmin=0, vmax=255)
    panel.set_title(title, color="white", fontsize=10)
    panel.axis("off")


def _outline(panel: Axes, ellipse: Ellipse) -> None:
    place, angle = (ellipse.x, ellipse.y), -ellipse.angle
    panel.add_patch(
        Outline(place, 2 * ellipse.a, 2 * ellipse.b, angle=angle, fill=False, color="#56b4e9", lw=1)
    )


def _motion(panel: Axes, strike: Strike) -> None:
    seconds = np.arange(LENGTH) / strike.optics.frame_rate_hz - strike.blow_s
    for number, note in enumerate(strike.notes):
        (line,) = panel.plot(
            seconds * 1e3, strike.amplitude(number), label=f"{note.name}, {note.frequency_hz:.0f} Hz"
        )
        onset = (strike.onset_s(number) - strike.blow_s) * 1e3
        panel.axvline(onset, color=line.get_color(), lw=0.8, ls=":")
    panel.set(xlabel="milliseconds after the blow", ylabel="amplitude, rings", facecolor="black")
    panel.tick_params(colors="white")
    panel.xaxis.label.set_color("white")
    panel.yaxis.label.set_color("white")
    panel.legend(labelcolor="white", facecolor="black", title="dotted: onset", title_fontsize=9)
    panel.get_legend().get_title().set_color("white")


if __name__ == "__main__":
    main()
