"""What `medscience plan` says is what `medscience predict` does."""

import pytest

from medscience.errors import MemoryPromiseError
from medscience.export.nifti import write_nifti
from medscience.image import Image, Meaning
from medscience.steps.ingest import ingest
from medscience.steps.plan import plan
from medscience.steps.predict import predict
from medscience.store.images import open_image


@pytest.fixture(scope="module")
def scan(tmp_path_factory, toy_head):
    folder = tmp_path_factory.mktemp("plan")
    made = toy_head(6)
    write_nifti(
        Image(made.image, Meaning(made.geometry)), folder / "scan.nii.gz", is_labels=False, form_code=1
    )
    ingest(folder / "scan.nii.gz", folder / "scan.ome.zarr")
    return folder / "scan.ome.zarr"


@pytest.mark.parametrize("tile", [None, "32,40,61"])
def test_it_says_what_the_prediction_then_records(tile, scan, tiny_model, tmp_path, capsys):
    plan(scan, str(tiny_model), tile=tile, threads=1)
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    predict(scan, str(tiny_model), tmp_path / "raw.ome.zarr", tile=tile, threads=1)
    done = open_image(tmp_path / "raw.ome.zarr").commit.record["plan"]
    assert said["blocks"].startswith(f"{done['blocks']}, of {' x '.join(map(str, done['block']))} ")
    assert said["tile"].startswith(" x ".join(map(str, done["tile"])))
    assert said["tile"].endswith("exact")
    assert said["memory"].startswith(f"{done['predicted_bytes'] / 2**30:.2f} GiB of 8.00 GiB")
    assert (float(said["work"].split()[0]) > 1) == bool(tile)
    assert "1 threads" in said["time"]


def test_it_refuses_what_the_prediction_would_refuse_and_writes_nothing(scan, tiny_model):
    before = sorted(scan.parent.iterdir())
    with pytest.raises(MemoryPromiseError, match="M or more"):
        plan(scan, str(tiny_model), memory="200M")
    assert sorted(scan.parent.iterdir()) == before
