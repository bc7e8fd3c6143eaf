"""Snakemake's own opinion of the workflow."""

import re
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.workflow

ACCEPTED = {
    # every rule calls the one command line, whose environment is envs/requirements.lock
    "Specify a conda environment or container for each rule.",
}


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflows/train.smk"])
def test_the_workflow_is_clean_but_for_what_is_accepted_with_a_reason(snakefile):
    command = [sys.executable, "-m", "snakemake", "--lint", "--snakefile", snakefile]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    titles = set(re.findall(r"^ +\* (.*?):$", found.stderr, re.MULTILINE))
    assert titles == ACCEPTED
