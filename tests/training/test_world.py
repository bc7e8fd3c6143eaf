"""Two processes that train together are one with twice the batch."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.training.conftest import write_design

NORMED = {"channels": 4, "classes": 3, "dilations": [1, 2], "activation": "elu", "norm": "instance"}


def losses(folder):
    lines = (folder / "curves.tsv").read_text().splitlines()[1:]
    return np.array([float(line.split("\t")[1]) for line in lines])


def test_two_processes_learn_what_one_does(cohort, tmp_path):
    stage = {"sampling": "anywhere", "patch": [16, 16, 16], "steps": 6, "batch": 2, "learning_rate": 0.02}
    design = write_design(
        tmp_path / "tiny.yaml",
        {"stages": [stage], "validate_every": 6},
        network={"name": "meshnet", "arguments": NORMED},
    )
    train = ["-m", "medscience", "train", design, "--data", cohort / "sheet.tsv", "--into", tmp_path]
    train += ["--threads", "1", "--name"]
    alone = [sys.executable, *train, "one"]
    together = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for command in (alone, [*together, *train, "two"]):
        done = subprocess.run(
            [*map(str, command)], capture_output=True, text=True, check=False, env=dict(os.environ)
        )
        assert done.returncode == 0, done.stderr[-2000:]
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(one) == 6
    assert one == pytest.approx(two, abs=1e-5)
    assert (tmp_path / "one/samples.tsv").read_text() == (tmp_path / "two/samples.tsv").read_text()
