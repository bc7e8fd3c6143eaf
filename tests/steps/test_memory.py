"""The promise about memory, kept by a real process."""

import subprocess
import sys

import pytest

from medscience.description import read_model
from medscience.models.save import save_model
from medscience.models.zoo import load_tensors
from medscience.steps.ingest import ingest
from medscience.steps.models import join
from medscience.steps.simulate import head
from medscience.store.images import open_image
from tests.conftest import REPOSITORY
from tests.steps.test_restore import drawn, stored

MODEL = REPOSITORY / "config/models/demo-head.yaml"


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    head(folder, seed=9)
    ingest(folder / "head-9.nii.gz", folder / "scan.ome.zarr")
    return folder / "scan.ome.zarr"


def predict(scan, destination, *options, model=MODEL):
    command = [sys.executable, "-m", "medscience", "predict", scan, model, destination, *options]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("options", [(), ("--tile", "96,64,80"), ("--precision", "float32")], ids=" ".join)
def test_the_measured_peak_keeps_within_the_predicted_and_the_promised(options, scan, tmp_path):
    found = predict(scan, tmp_path / "raw.ome.zarr", *options)
    plan, peak = kept(found, tmp_path / "raw.ome.zarr")
    assert plan["predicted_bytes"] <= 1.3 * peak
    assert (plan["blocks"] > 1) == ("--tile" in options)


@pytest.mark.parametrize("options", [(), ("--tile", "96,64,80")], ids=" ".join)
def test_an_ensemble_keeps_its_promise_too(options, scan, tmp_path):
    """Three networks with weights of their own, of which one is held at a time."""
    model = read_model(MODEL)
    description = model.model_dump(exclude={"weights", "known_answer", "training"})
    paths = [MODEL]
    for number in (1, 2):
        tensors = load_tensors(MODEL.with_name(model.weights.file))
        changed = {key: (value * (1 + 0.01 * number)).numpy() for key, value in tensors.items()}
        named = {"name": f"demo-{number}", "weights": {"source": "the demo's", "trained_on": "heads"}}
        paths.append(save_model(tmp_path / "models", description | named, changed))
    join("three", [str(path) for path in paths], tmp_path / "models")
    found = predict(scan, tmp_path / "raw.ome.zarr", *options, model=tmp_path / "models/three.yaml")
    plan, peak = kept(found, tmp_path / "raw.ome.zarr")
    assert plan["predicted_bytes"] <= 1.3 * peak


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("sides", [(8, 16, 16), (40, 72, 96)], ids=str)
def test_restoring_phases_keeps_its_promise_too(sides, precision, tmp_path):
    phases = stored(tmp_path / "phases.ome.zarr", drawn(10, *sides), method="mckinnon-bates")
    model = MODEL.with_name("thorax-narrow.yaml")
    found = predict(phases, tmp_path / "out.ome.zarr", "--precision", precision, model=model)
    plan, peak = kept(found, tmp_path / "out.ome.zarr")
    assert plan["predicted_bytes"] <= 1.3 * peak


def kept(found, store):
    """Return the plan and the peak of a prediction that kept its promise."""
    assert found.returncode == 0, found.stderr
    record = open_image(store).commit.record
    plan, peak = record["plan"], record["peak_memory_bytes"]
    assert peak <= plan["predicted_bytes"] <= plan["promised_bytes"]
    return plan, peak


def test_a_promise_that_one_block_would_break_is_kept_in_many(scan, tiny_model, tmp_path):
    at_ease, promised = tmp_path / "8G.ome.zarr", tmp_path / "420M.ome.zarr"
    plan, peak = kept(predict(scan, at_ease, "--precision", "float32", model=tiny_model), at_ease)
    assert plan["blocks"] == 1
    assert peak > 420 << 20
    options = ("--precision", "float32", "--memory", "420M")
    plan, _ = kept(predict(scan, promised, *options, model=tiny_model), promised)
    assert plan["blocks"] > 1


def test_less_memory_than_any_block_needs_is_refused_before_the_run(scan, tmp_path):
    found = predict(scan, tmp_path / "raw.ome.zarr", "--memory", "300M")
    assert found.returncode == 1
    assert found.stderr.startswith("MEMORY-TOO-SMALL")
    assert not list(tmp_path.iterdir())
