"""The whole of it, as a person calls it."""

import os
import subprocess
import sys
import time

import pytest

from medscience.doctor import examine as room
from medscience.doctor.examine import examine, survive
from medscience.doctor.finding import State
from tests.conftest import REPOSITORY
from tests.test_cli_terminal import at_a_terminal, plain


def run(folder, **variables):
    command = [sys.executable, "-m", "medscience", "doctor"]
    environment = {**os.environ, "TERM": "xterm", **variables}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)


def test_every_thing_is_a_line_and_nothing_needed_is_missing_here():
    begun = time.monotonic()
    found = run(REPOSITORY)
    assert time.monotonic() - begun < 20, "5 s on a machine that does nothing else"
    assert (found.returncode, found.stderr) == (0, "")
    lines = found.stdout.splitlines()
    states = {state.value for state in State}
    assert all(line.split()[0] in states for line in lines)
    for name in ("Python", "torch", "GPU", "cores", "memory", "codecs", "models", "Slurm", "display", "text"):
        assert sum(line[9:].startswith(name) for line in lines) == 1
    assert all(line.isprintable() for line in lines)


def test_what_is_missing_is_one_line_on_stderr_and_exit_code_1(tmp_path):
    found = run(tmp_path)
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1
    assert found.stderr.startswith("DOCTOR-MISSING  this machine: found something wrong with models")
    assert "missing  models" in found.stdout


@pytest.mark.parametrize("name", ["packages", "working_folder", "slurm", "ask_torch"])
def test_a_check_that_breaks_is_a_line_and_stops_no_other(name, monkeypatch):
    def broken(*_):
        raise RuntimeError("a machine that nobody thought of")

    monkeypatch.setattr(room, name, broken)
    folder = REPOSITORY / "config"
    found = list(examine({"PATH": ""}, folder / "config.yaml", folder / "models"))
    assert len(found) == 17
    odd = [finding for finding in found if "nobody thought of" in finding.found]
    assert odd
    assert all(finding.state is State.WARNING for finding in odd)


def test_a_broken_check_keeps_its_name():
    assert survive("Slurm", lambda: 1 / 0).name == "Slurm"


def test_a_terminal_gets_colours_unless_it_asks_for_none():
    """stdout is what matters here, so it is made the terminal too."""
    code, shown, _ = at_a_terminal("doctor", stdout=True)
    assert code == 0
    assert "\x1b[32mok" in shown
    assert "ok       Python" in plain(shown)
    assert "\x1b[32m" not in at_a_terminal("doctor", stdout=True, NO_COLOR="1")[1]


def test_the_doctor_does_not_import_torch_itself():
    code = (
        "import sys\nfrom pathlib import Path\nfrom medscience.doctor.examine import examine\n"
        "list(examine({}, Path('config/config.yaml'), Path('config/models')))\nprint('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
