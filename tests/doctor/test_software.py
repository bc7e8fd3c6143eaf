"""Packages, codecs, models, settings, Snakemake and text."""

import pytest

from medscience.doctor import codecs as room
from medscience.doctor.codecs import codecs
from medscience.doctor.finding import State
from medscience.doctor.models import models
from medscience.doctor.packages import packages
from medscience.doctor.settings import settings
from medscience.doctor.text import text
from medscience.doctor.workflow import snakemake

GIB = 1 << 30


def test_all_that_is_needed_is_installed_or_named():
    assert packages().state is State.OK
    found = packages(lambda name: None if name in {"zarr", "scipy"} else "1")
    assert (found.state, found.found) == (State.MISSING, "not installed: scipy, zarr")


def test_codecs_bring_back_what_went_in(monkeypatch):
    assert codecs().state is State.OK
    monkeypatch.setitem(room.TRIPS, "zstd with checksum", lambda values: values + 1)
    monkeypatch.setitem(room.TRIPS, "gzip", lambda _: 1 / 0)
    found = codecs()
    assert (found.state, found.found) == (State.MISSING, "broken: zstd with checksum, gzip")


def test_models_are_named_and_a_broken_one_comes_with_its_fix(tiny_model):
    assert models(tiny_model.parent).found == "tiny"
    weights = next(tiny_model.parent.glob("tiny.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    found = models(tiny_model.parent)
    assert found.state is State.MISSING
    assert "MODEL-DIGEST" in found.found
    assert "restore" in found.fix
    tiny_model.write_text("name: [")
    assert models(tiny_model.parent).state is State.MISSING


def test_no_model_at_all_means_the_wrong_folder(tmp_path):
    assert "project's folder" in models(tmp_path).fix


@pytest.fixture
def config(tmp_path):
    (tmp_path / "samples.tsv").write_text("sample\ttrack\tsource\na\tbrain_mri\ta.nii\n")
    file = tmp_path / "config.yaml"
    file.write_text(f"samples: {tmp_path}/samples.tsv\nmodels: {{brain_mri: [m]}}\nmemory: 8G\nthreads: 4\n")
    return file


@pytest.mark.parametrize(
    "cores, memory, state, fix",
    [
        (4, 16, State.OK, ""),
        (2, 16, State.WARNING, "set `threads: 2`"),
        (4, 4, State.WARNING, "set `memory: 3072M`"),
    ],
)
def test_settings_are_held_against_the_machine(cores, memory, state, fix, config):
    found = settings(config, cores, memory * GIB)
    assert (found.state, found.fix) == (state, fix)


def test_faults_of_the_settings_are_a_line(config, tmp_path):
    config.write_text("memory: much\n")
    assert settings(config).state is State.WARNING
    assert settings(tmp_path / "no.yaml").state is State.WARNING


def test_snakemake_is_here_and_within_reach_or_the_line_says_how(machine, tmp_path):
    environment = machine({"snakemake": ":"})
    here = tmp_path / "bin/python"
    assert snakemake(environment, lambda _: "9", here).fix == ""
    away = snakemake(environment, lambda _: "9", tmp_path / "venv/bin/python")
    assert away.state is State.OK
    assert "venv/bin/activate" in away.fix
    assert snakemake(environment, lambda _: None).state is State.MISSING


def test_text_is_utf_8():
    assert text("utf-8", "UTF-8").state is State.OK
    assert text("utf-8", "ANSI_X3.4-1968").fix == "run: export LANG=C.UTF-8"
