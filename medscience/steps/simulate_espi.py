"""The verb `simulate espi`: recordings of a struck steelpan, or single frames, with their truth."""

import csv
import logging
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from medscience.simulate.espi.shots import Shot
    from medscience.simulate.espi.strike import Strike


class Style(Enum):
    """What is made: whole strikes as films, or single frames."""

    STRIKE = "strike"
    FRAMES = "frames"
    TIME_AVERAGED = "time-averaged"
    SPNET = "spnet"


log = logging.getLogger(__name__)


def espi(
    destination: Annotated[Path, typer.Argument(help="a folder")],
    seed: Annotated[int, typer.Option(min=0, help="number of the first strike, or of the set of frames")] = 1,
    count: Annotated[int, typer.Option(min=1, help="how many strikes, or single frames")] = 1,
    frames: Annotated[int, typer.Option(min=40, help="length of each strike, in frames")] = 600,
    style: Annotated[
        Style,
        typer.Option(
            help="strike: films and tables of each note's motion; frames: single frames with a table of "
            "ellipses each; time-averaged: the same for long exposures; spnet: SPNet's published recipe"
        ),
    ] = Style.STRIKE,
) -> None:
    """Write simulated interferometer recordings of a steelpan with everything about them known."""
    if style is Style.STRIKE:
        _strikes(destination, range(seed, seed + count), frames)
    else:
        _frames(destination, style, seed, count)


def _strikes(destination: Path, seeds: range, frames: int) -> None:
    from medscience.export.film import write_film
    from medscience.simulate.espi.strike import simulate_strike
    from medscience.simulate.espi.truth import frame_rows, note_rows
    from medscience.store.files import write_whole
    from medscience.terminal.progress import shown

    rows = []
    with shown("simulate strikes") as tell:
        tell(0, len(seeds))
        for done, number in enumerate(seeds, start=1):
            strike = simulate_strike(number, frames)
            base = destination / f"strike-{number}"
            film, acquisition = base.with_suffix(".mkv"), base.with_suffix(".yaml")
            stored = write_film(strike.frames(), film)
            write_whole(acquisition, _acquisition(strike, stored))
            _write_table(destination / f"{base.name}_notes.tsv", note_rows(strike))
            _write_table(destination / f"{base.name}_frames.tsv", frame_rows(strike))
            columns = {"sample": base.name, "track": "steelpan", "source": film, "acquisition": acquisition}
            rows.append(columns)
            log.info("wrote %s", film)
            tell(done, len(seeds))
    _write_table(destination / "samples.tsv", rows)


def _acquisition(strike: "Strike", stored: int) -> str:
    optics = strike.optics
    lines = [
        f"frame_rate_hz: {optics.frame_rate_hz}",
        f"exposure_s: {optics.exposure_s:.7f}",
        f"wavelength_nm: {optics.wavelength_nm}",
        f"illumination_angle_deg: {optics.illumination_angle_deg}",
        f"observation_angle_deg: {optics.observation_angle_deg}",
        f"frames: {stored}",
    ]
    return "\n".join([*lines, *(["dropped_frames: keep"] if strike.dropped else []), ""])


def _frames(destination: Path, style: Style, seed: int, count: int) -> None:
    from itertools import islice

    from medscience.export.ellipses import write_labels
    from medscience.simulate.espi.published import published_shots
    from medscience.simulate.espi.shots import drawn_shots
    from medscience.terminal.progress import shown

    source = (
        published_shots(seed)
        if style is Style.SPNET
        else drawn_shots(seed, many_periods=style is Style.TIME_AVERAGED)
    )
    with shown("simulate frames") as tell:
        tell(0, count)
        for number, shot in enumerate(islice(source, count)):
            name = f"{style.value}-{seed}_{number:07d}"
            _write_picture(shot, destination / f"{name}.png")
            write_labels(shot.antinodes, destination / f"{name}.csv")
            tell(number + 1, count)
    log.info("wrote %d frames to %s", count, destination)


def _write_picture(shot: "Shot", path: Path) -> None:
    from PIL import Image

    from medscience.store.files import replaced

    with replaced(path) as temporary:
        Image.fromarray(shot.frame).save(temporary, "PNG")


def _write_table(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    from medscience.store.files import replaced

    content = list(rows)
    with replaced(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(content[0]), delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(content)
