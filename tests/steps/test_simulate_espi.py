"""`simulate espi`: files that belong together, the same for the same seed."""

import csv
import hashlib

import av
import numpy as np
import pytest
import yaml
from PIL import Image

from medscience.simulate.espi.strike import simulate_strike
from medscience.steps.simulate_espi import Style, espi


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A short strike that lost frames."""
    folder = tmp_path_factory.mktemp("strike")
    seed = next(seed for seed in range(60) if simulate_strike(seed, 40).dropped)
    espi(folder, seed=seed, frames=40)
    return folder, seed


def test_the_film_holds_the_frames_without_loss_and_gaps_where_some_are_lost(made):
    folder, seed = made
    truth = dict(simulate_strike(seed, 40).frames())
    with av.open(str(folder / f"strike-{seed}.mkv")) as container:
        stream = container.streams.video[0]
        found = {
            round(f.pts * stream.time_base * 25): f.to_ndarray(format="gray")
            for f in container.decode(video=0)
        }
    assert list(found) == list(truth)
    assert all((found[number] == truth[number]).all() for number in truth)


def test_the_acquisition_file_says_how_it_was_recorded(made):
    folder, seed = made
    strike = simulate_strike(seed, 40)
    content = yaml.safe_load((folder / f"strike-{seed}.yaml").read_text())
    assert content["frame_rate_hz"] == 15037.0
    assert content["exposure_s"] == strike.optics.exposure_s
    assert content["wavelength_nm"] == strike.optics.wavelength_nm
    assert content["frames"] == 40 - len(strike.dropped)
    assert content["dropped_frames"] == "keep"


def test_tables_name_every_note_in_every_frame(made):
    folder, seed = made
    notes, frames = (rows(folder / f"strike-{seed}_{name}.tsv") for name in ("notes", "frames"))
    assert len(frames) == 40 * len(notes)
    (sample,) = rows(folder / "samples.tsv")
    assert sample["track"] == "steelpan"
    assert sample["source"] == str(folder / f"strike-{seed}.mkv")


def test_the_same_seed_gives_the_same_bytes(made, tmp_path):
    folder, seed = made
    espi(tmp_path, seed=seed, frames=40)
    for path in tmp_path.glob("strike*"):
        both = [hashlib.sha256((place / path.name).read_bytes()).digest() for place in (folder, tmp_path)]
        assert both[0] == both[1]


@pytest.mark.parametrize("style", [Style.FRAMES, Style.SPNET, Style.TIME_AVERAGED])
def test_single_frames_have_a_table_of_ellipses_each(style, tmp_path):
    espi(tmp_path, seed=3, count=3, style=style)
    pictures = sorted(tmp_path.glob("*.png"))
    assert len(pictures) == 3
    for path in pictures:
        assert np.asarray(Image.open(path)).shape == (384, 512)
        lines = path.with_suffix(".csv").read_text().splitlines()
        assert all(len(line.split(",")) == 6 for line in lines)
        assert lines
