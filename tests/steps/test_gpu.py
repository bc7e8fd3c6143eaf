"""`predict` and `plan` with a GPU: one that is none, and whose tensors are computed here."""

import numpy as np
import pytest
import torch
import typer

from medscience.errors import MemoryPromiseError, StoreError, SystemFaultError
from medscience.export.nifti import write_nifti
from medscience.image import Image, Meaning
from medscience.steps.ingest import ingest
from medscience.steps.plan import plan
from medscience.steps.predict import predict
from medscience.store.images import open_image
from tests.pretend_gpu import NAME, install
from tests.steps.test_restore import drawn, save_tiny, stored


def ingested(made, folder):
    write_nifti(Image(made.image, Meaning(made.geometry)), folder / "scan.nii", is_labels=False, form_code=1)
    ingest(folder / "scan.nii", folder / "scan.ome.zarr")
    return folder / "scan.ome.zarr"


@pytest.fixture(scope="module")
def scan(tmp_path_factory, toy_head):
    return ingested(toy_head(4, (40, 36, 44)), tmp_path_factory.mktemp("scan"))


@pytest.fixture
def phases(tmp_path):
    return stored(tmp_path / "phases.ome.zarr", drawn(2, 66, 4, 8))


@pytest.fixture
def pretend(monkeypatch):
    with install(monkeypatch) as gpu:
        yield gpu


@pytest.fixture
def run(tmp_path):
    """Return a function that runs `predict` and returns commit and voxels."""

    def predicted(image, model, name, **options):
        store = tmp_path / f"{name}.ome.zarr"
        predict(image, str(model), store, threads=1, precision="float32", **options)
        found = open_image(store)
        return found.commit, np.asarray(found.image.read((slice(None),) * len(found.image.shape)))

    return predicted


def test_the_result_says_on_what_it_was_computed_and_is_another_than_that_of_processors(
    scan, tiny_model, run, pretend, tmp_path
):
    here, labels = run(scan, tiny_model, "here", device="cpu")
    there, found = run(scan, tiny_model, "there", device="auto")
    assert (found == labels).mean() > 0.999
    assert [commit.provenance.settings["device"] for commit in (here, there)] == ["cpu", "cuda"]
    assert "gpu" not in here.record
    assert there.record["gpu"] == {
        "name": NAME,
        "peak_memory_bytes": pretend.last,
        "halvings": 0,
        "processors_took_over": False,
    }
    assert 0 < pretend.last <= there.record["plan"]["gpu_bytes"]
    with pytest.raises(StoreError, match="STORE-EXISTS"):
        predict(scan, str(tiny_model), tmp_path / "here.ome.zarr", threads=1, device="cuda")


def test_a_batch_is_given_the_gpu_once_and_each_image_has_its_own_peak(
    scan, toy_head, tiny_model, tmp_path, pretend
):
    small = ingested(toy_head(4, (32, 32, 32)), tmp_path)
    rows = [f"{image}\t{tmp_path}/{n}.ome.zarr" for n, image in enumerate((scan, small))]
    (tmp_path / "list.tsv").write_text("\n".join(["image\tdest", *rows]) + "\n")
    predict(tmp_path / "list.tsv", str(tiny_model), batch=True, threads=1, device="cuda")
    records = [open_image(tmp_path / f"{n}.ome.zarr").commit.record for n in range(2)]
    assert [record["gpu"]["name"] for record in records] == [NAME, NAME]
    first, second = (record["gpu"]["peak_memory_bytes"] for record in records)
    assert 0 < second < first


def test_what_was_done_without_room_stands_in_the_record(scan, tiny_model, run, pretend):
    _, labels = run(scan, tiny_model, "here", device="cpu")
    pretend.has_room = lambda *_: False
    with pytest.raises(MemoryPromiseError, match="GPU-OUT-OF-MEMORY"):
        run(scan, tiny_model, "refused", device="cuda")
    commit, found = run(scan, tiny_model, "there", device="auto")
    assert (found == labels).mean() > 0.999
    assert commit.record["gpu"]["processors_took_over"]
    assert any("not those of a GPU" in warning for warning in commit.record["warnings"])


def test_phases_are_restored_on_it_and_by_processors_from_where_its_memory_ran_out(
    phases, run, pretend, tmp_path
):
    model = save_tiny(tmp_path / "m")
    _, expected = run(phases, model, "here", device="cpu")
    for last in (None, 0.9):
        number = last and int((1 + last) * pretend.convolutions)
        pretend.has_room = lambda convolution, _, number=number: convolution != number
        commit, found = run(phases, model, f"there-{last}", device="auto")
        assert commit.provenance.settings["device"] == "cuda"
        assert commit.record["gpu"]["processors_took_over"] == bool(last)
        assert np.abs(found - expected).max() < 1e-3 * np.ptp(expected)
        assert 0 < pretend.peak <= commit.record["plan"]["gpu_bytes"]


def test_plan_says_what_fits_into_a_gpu_that_is_elsewhere(scan, tiny_model, tmp_path, phases, capsys):
    options = {"device": "cuda", "gpu_memory": "1G", "threads": 1}
    plan(scan, str(tiny_model), **options)
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert said["GPU"].endswith("GiB of 1.00 GiB, which is elsewhere")
    assert said["time"].startswith("not known here")
    plan(phases, str(save_tiny(tmp_path / "m")), **options)
    assert "GPU        0." in capsys.readouterr().out
    with pytest.raises(MemoryPromiseError, match="GPU-MEMORY-TOO-SMALL"):
        plan(scan, str(tiny_model), **options | {"gpu_memory": "10M"})
    with pytest.raises(MemoryPromiseError, match="GPU-MEMORY-TOO-SMALL"):
        plan(phases, str(tmp_path / "m/tiny4d.yaml"), **options | {"gpu_memory": "10K"})


def test_plan_and_predict_agree_on_one_that_is_here(scan, tiny_model, run, pretend, capsys):
    plan(scan, str(tiny_model), threads=1, precision="float32", gpu_memory="2G")
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    commit, _ = run(scan, tiny_model, "there", gpu_memory="2G")
    held = commit.record["plan"]["gpu_bytes"] / (1 << 30)
    assert said["GPU"] == f"{held:.2f} GiB of 2.00 GiB, {NAME}"
    assert f"on {NAME}" in said["time"]


def test_without_one_it_is_refused_and_auto_is_processors(scan, tiny_model, run, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemFaultError, match="GPU-NONE"):
        run(scan, tiny_model, "refused", device="cuda", gpu_memory="1G")
    assert run(scan, tiny_model, "here")[0].provenance.settings["device"] == "cpu"


@pytest.mark.parametrize("others", [{"workers": 2}, {"cluster": "slurm"}])
def test_workers_are_processes_on_processors(others, scan, tiny_model, run, pretend):
    with pytest.raises(typer.BadParameter, match="workers"):
        run(scan, tiny_model, "refused", device="cuda", **others)
