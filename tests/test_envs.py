"""All ways to install bring the versions of one lock."""

from pathlib import Path

import yaml

from tests.conftest import REPOSITORY

ENVS = REPOSITORY / "envs"


def test_make_and_the_container_install_with_one_script_from_the_lock():
    assert "--requirement envs/requirements.lock" in (ENVS / "install.sh").read_text("utf-8")
    for recipe in (REPOSITORY / "Makefile", ENVS / "medscience.def"):
        text = recipe.read_text("utf-8")
        assert "envs/install.sh" in text
        assert "--requirement" not in text


def test_conda_takes_its_versions_from_the_same_lock():
    *_, pip = yaml.safe_load((ENVS / "environment.yml").read_text("utf-8"))["dependencies"]
    assert pip == {"pip": ["--requirement requirements.lock"]}
    assert Path(ENVS / "requirements.lock").is_file()
