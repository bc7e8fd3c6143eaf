"""The command line as a script sees it."""

import json
import subprocess
import sys

import pytest


def medscience(*arguments, **options):
    command = [sys.executable, "-m", "medscience", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


COMMANDS = [
    ["simulate", "head"],
    ["ingest"],
    ["models", "import", "brainchop"],
    ["models", "list"],
    ["models", "check"],
    ["predict"],
    ["detect"],
    ["postprocess"],
    ["measure"],
    ["export", "nifti"],
    ["report"],
    ["verify"],
    ["train"],
    ["doctor"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command):
    found = medscience(*command, "--help")
    assert found.returncode == 0
    assert "Usage:" in found.stdout


def test_help_imports_nothing_heavy():
    code = (
        "import sys, medscience.cli\n"
        "heavy = {'torch', 'monai', 'dask', 'zarr', 'napari', 'nibabel', 'scipy', 'matplotlib', 'pyarrow'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuchverb"],
        ["ingest"],
        ["predict", "a", "b", "c", "--memory", "lots"],
        ["predict", "a", "b", "c", "--tile", "1,2"],
        ["predict", "a", "b", "c", "--threads", "0"],
        ["models", "import", "brainchop", ".", "--name", "x", "--normalize", "zscore"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(arguments):
    assert medscience(*arguments).returncode == 2


def test_an_error_is_one_line_and_exits_with_1(tmp_path):
    found = medscience("ingest", tmp_path / "no.nii", tmp_path / "x.ome.zarr")
    assert found.returncode == 1
    assert found.stdout == ""
    assert found.stderr.count("\n") == 1
    assert found.stderr.startswith("INPUT-MISSING  ")


def test_a_failure_is_recorded_where_asked_and_the_record_goes_with_success(tmp_path):
    record = tmp_path / "failed" / "ingest" / "a.json"
    scan = tmp_path / "heads" / "head-1.nii.gz"
    command = ["--failure-record", record, "ingest", scan, tmp_path / "a.ome.zarr"]
    assert medscience(*command).returncode == 1
    content = json.loads(record.read_text())
    assert (content["step"], content["sample"], content["code"]) == ("ingest", "a", "INPUT-MISSING")
    assert content["line"].startswith("INPUT-MISSING")
    assert medscience("simulate", "head", scan.parent).returncode == 0
    assert medscience(*command).returncode == 0
    assert not record.exists()


def test_an_error_of_the_operating_system_is_one_line_too(tmp_path):
    scan = tmp_path / "scan.nii"
    scan.write_bytes(b"")
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    found = medscience("simulate", "head", blocked / "below")
    assert found.returncode == 1
    assert found.stderr.startswith("SYSTEM-ENOTDIR")
    assert found.stderr.count("\n") == 1


def test_an_error_of_ours_leaves_a_record_without_values(tmp_path):
    """A bug must not hide: the record names the place in the code, and nothing of the data."""
    record = tmp_path / "a.json"
    code = (
        "import sys, medscience.cli as cli\n"
        "def boom():\n    raise RuntimeError('secret value')\n"
        "cli.app.command('boom')(boom)\n"
        f"sys.argv = ['medscience', '--failure-record', {str(record)!r}, 'boom']\n"
        "cli.main()"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    content = json.loads(record.read_text())
    assert content["code"] == "INTERNAL"
    assert "secret" not in record.read_text()


def test_models_are_listed_and_checked():
    assert "demo-head" in medscience("models", "list").stdout
    assert medscience("models", "check", "demo-head").returncode == 0
    missing = medscience("models", "check", "nosuch")
    assert missing.returncode == 1
    assert "demo-head" in missing.stderr
