"""Told to stop twice, and two at the same work (T17, T18, T35)."""

import os
import subprocess
import sys

from medscience.store.images import open_image
from medscience.store.verify import verify
from tests.bad.nifti import scan

TWICE = """
import os, signal, sys
from medscience import cli
from medscience.store.images import ImageWriter
write = ImageWriter.write

def told(self, *arguments):
    write(self, *arguments)
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGINT)

ImageWriter.write = told
cli.main()
"""
HELD = TWICE.replace("for _ in range(2):", "print('writing', flush=True); sys.stdin.read()\n    for _ in ():")


def ingest(code, source, store, **options):
    command = [sys.executable, "-c", code, "ingest", str(source), str(store)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


def test_control_c_twice_ends_a_run_once_and_leaves_nothing(tmp_path):
    (tmp_path / "in").mkdir()
    source, store = scan(tmp_path / "in/scan.nii"), tmp_path / "out/x.ome.zarr"
    process = ingest(TWICE, source, store)
    _, said = process.communicate()
    assert process.returncode == 75
    assert said.splitlines()[-1].startswith("STOPPED  signal: found SIGINT")
    assert "Traceback" not in said
    assert list(store.parent.iterdir()) == []


def test_of_two_runs_with_one_destination_the_second_names_the_first_and_harms_nothing(tmp_path):
    (tmp_path / "in").mkdir()
    source, store = scan(tmp_path / "in/scan.nii"), tmp_path / "out/x.ome.zarr"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    first = ingest(HELD, source, store, **pipes)
    assert first.stdout.readline() == "writing\n"
    second = ingest("from medscience import cli; cli.main()", source, store)
    _, said = second.communicate()
    assert second.returncode == 1
    assert f"process {first.pid} on {os.uname().nodename}" in said
    first.communicate("go on")
    assert first.returncode == 0
    assert verify(store) == []
    assert open_image(store).commit.record["repairs"] == []
