"""What a person at a terminal sees, and what is left in a log."""

import os
import pty
import re
import subprocess
import sys

import numpy as np
import pytest

from medscience.export.nifti import write_nifti
from medscience.geometry import Geometry
from medscience.image import Image, Meaning

STAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} (DEBUG|INFO|WARNING|ERROR) "


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    path = tmp_path_factory.mktemp("scan") / "scan.nii.gz"
    noise = np.random.default_rng(0).integers(0, 1000, (64, 64, 64), dtype=np.int16)
    image = Image(noise, Meaning(Geometry(noise.shape, np.diag([-1.0, 1.0, -1.0, 1.0]))))
    write_nifti(image, path, is_labels=False, form_code=1)
    return path


def command(*arguments):
    return [sys.executable, "-m", "medscience", *map(str, arguments)]


def environment(**settings):
    plain = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "COLUMNS"}}
    return {**plain, "TERM": "xterm", "COLUMNS": "100", **settings}


def at_a_terminal(*arguments, stdout=False, **settings):
    """Exit code, what a terminal gets as stderr (and as stdout if asked), and stdout otherwise."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*arguments),
        stderr=theirs,
        stdout=theirs if stdout else subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=environment(**settings),
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            more = os.read(ours, 4096)
        except OSError:  # Linux' way to say that the other side is closed
            break
        if not more:
            break
        shown += more
    os.close(ours)
    with process:
        return process.wait(), shown.decode(), "" if stdout else process.stdout.read().decode()


def in_a_log(*arguments, **settings):
    found = subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, env=environment(**settings)
    )
    return found.returncode, found.stderr


def plain(shown):
    """What is left to read when a terminal has done as it was told."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", shown)


def test_a_terminal_gets_a_bar_that_goes_away(scan, tmp_path):
    code, shown, _ = at_a_terminal("ingest", scan, tmp_path / "a.ome.zarr")
    assert code == 0
    assert "━" in shown
    assert "\x1b[?25l" in shown, "no cursor while the bar moves"
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert plain(shown).splitlines()[-1].startswith("ingest a: done in ")


def test_the_bar_says_how_far_it_is_and_fits_a_narrow_window(scan, tiny_model, tmp_path):
    ingest = ["ingest", scan, tmp_path / "a.ome.zarr"]
    predict = ["predict", tmp_path / "a.ome.zarr", tiny_model, tmp_path / "p.ome.zarr", "--tile", "8,16,16"]
    assert at_a_terminal(*ingest)[0] == 0
    _, shown, _ = at_a_terminal(*predict, COLUMNS="80")
    lines = [plain(line) for line in re.split(r"[\r\n]+", shown)]
    bars = [line for line in lines if "━" in line]
    assert any(re.search(r"\d+ of 384 \(\d+ %\), .* left, \d\.\d\d GiB$", bar) for bar in bars)
    assert max(map(len, bars)) <= 80
    assert any(line.startswith("plan: ") for line in lines), "the log goes above the bar"


def test_an_error_at_a_terminal_is_still_one_plain_line_below_the_bar(scan, tmp_path):
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes(scan.read_bytes()[:-200])
    code, shown, _ = at_a_terminal("ingest", cut, tmp_path / "a.ome.zarr")
    assert code == 1
    assert plain(shown).splitlines()[-1].startswith("NIFTI-DAMAGED")
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


@pytest.mark.parametrize("settings", [{}, {"FORCE_COLOR": "1"}, {"TTY_COMPATIBLE": "1"}], ids=str)
def test_a_log_gets_plain_lines_with_their_time(settings, scan, tmp_path):
    code, shown = in_a_log("ingest", scan, tmp_path / "a.ome.zarr", **settings)
    assert code == 0
    assert shown
    assert all(re.match(STAMP, line) for line in shown.splitlines())
    assert all(character.isprintable() or character == "\n" for character in shown)


def test_a_dumb_terminal_gets_what_a_log_gets(scan, tmp_path):
    _, shown, _ = at_a_terminal("ingest", scan, tmp_path / "a.ome.zarr", TERM="dumb")
    assert "\x1b" not in shown
    assert all(re.match(STAMP, line) for line in shown.splitlines())


def test_no_color_means_no_colour(scan, tmp_path):
    missing = tmp_path / "no.ome.zarr"
    for settings, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        _, shown, _ = at_a_terminal("verify", missing, missing, **settings)
        assert bool(re.search(r"\x1b\[(\d;)?3\dm", shown)) == coloured


@pytest.mark.parametrize("see", [at_a_terminal, in_a_log])
def test_the_level_silences_what_is_below_it(see, scan, tmp_path):
    quiet = see("--log-level", "warning", "ingest", scan, tmp_path / "a.ome.zarr")
    assert quiet[:2] == (0, "")
    code, shown = see("--log-level", "error", "verify", tmp_path / "no", tmp_path / "b.ome.zarr")[:2]
    assert code == 1
    assert "VERIFY-NOTHING" in shown or "STORE-UNCOMMITTED" in shown


def test_a_level_that_does_not_exist_is_wrong_usage():
    assert in_a_log("--log-level", "loud", "models", "list")[0] == 2


def test_no_file_name_brings_control_characters_into_a_log(tmp_path):
    """Two faults: the first is logged, the second is the error."""
    bad = tmp_path / "a\x1b[31m\nb.ome.zarr"
    code, shown = in_a_log("verify", bad, bad)
    assert code == 1
    assert all(character.isprintable() or character == "\n" for character in shown)
