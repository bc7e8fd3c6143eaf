"""The training workflow, as a user runs it."""

import subprocess
import sys

import pytest
import yaml

from medscience.models.known_answer import check_model
from tests.conftest import REPOSITORY
from tests.training.conftest import cohort, write_design  # noqa: F401 - a fixture

pytestmark = pytest.mark.workflow


def run(folder, *arguments):
    command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "workflows/train.smk"]
    command += ["--cores", "2", "--workflow-profile", REPOSITORY / "profiles/default", *arguments]
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, cwd=folder
    )


def configure(folder, cohort, **change):  # noqa: F811
    (folder / "config").mkdir(exist_ok=True)
    settings = {"recipe": "tiny", "data": str(cohort / "sheet.tsv"), "name": "mine", "memory": "4G"}
    (folder / "config/training.yaml").write_text(yaml.safe_dump(settings | {"threads": 1} | change))


def test_one_command_leads_from_a_sheet_to_a_model_that_predict_finds(cohort, tmp_path):  # noqa: F811
    write_design(tmp_path / "config/recipes/tiny.yaml", {"folds": 3})
    configure(tmp_path, cohort)
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert check_model(tmp_path / "config/models/mine.yaml") < 1e-4
    configure(tmp_path, cohort, folds=3)
    planned = run(tmp_path, "--dry-run", "--printshellcmds").stdout
    for fold in (1, 2, 3):
        assert f"results/models/mine-fold{fold}/mine-fold{fold}.yaml" in planned
        assert f"--fold {fold}" in planned


def test_faults_of_the_settings_stop_the_run_before_any_job(cohort, tmp_path):  # noqa: F811
    write_design(tmp_path / "config/recipes/tiny.yaml")
    configure(tmp_path, cohort, epochs=3)
    done = run(tmp_path)
    assert done.returncode
    assert "CONFIG-INVALID" in done.stderr + done.stdout
