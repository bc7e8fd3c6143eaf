"""Many images, one network: each is committed alone, and one that fails stops no other."""

import pytest
from numpy.testing import assert_array_equal

from medscience.errors import BatchError, ConfigError
from medscience.export.nifti import write_nifti
from medscience.image import Image, Meaning
from medscience.models import zoo
from medscience.steps.ingest import ingest
from medscience.steps.predict import predict
from medscience.store.images import open_image


@pytest.fixture
def sheet(tmp_path, toy_head):
    lines = ["image\tdest"]
    for seed in (1, 2):
        made = toy_head(seed)
        scan = Image(made.image, Meaning(made.geometry))
        write_nifti(scan, tmp_path / f"{seed}.nii.gz", is_labels=False, form_code=1)
        ingest(tmp_path / f"{seed}.nii.gz", tmp_path / f"{seed}.ome.zarr")
        lines += [f"{tmp_path}/{seed}.ome.zarr\t{tmp_path}/raw-{seed}.ome.zarr"]
        lines += [f"{tmp_path}/missing.ome.zarr\t{tmp_path}/never.ome.zarr"] * (seed == 1)
    (tmp_path / "list.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    return tmp_path / "list.tsv"


def test_what_can_be_done_is_done_with_one_network(sheet, tiny_model, monkeypatch, capsys):
    loads = []
    monkeypatch.setattr(zoo, "load", lambda path, load=zoo.load: loads.append(path) or load(path))
    with pytest.raises(BatchError, match="1 of 3 failed"):
        predict(sheet, str(tiny_model), batch=True, threads=1)
    assert "missing.ome.zarr" in capsys.readouterr().err
    assert len(loads) == 1
    alone = sheet.parent / "alone.ome.zarr"
    predict(sheet.parent / "2.ome.zarr", str(tiny_model), alone, threads=1)
    one, batched = (
        open_image(path).image.read((slice(None),) * 3) for path in (alone, alone.with_name("raw-2.ome.zarr"))
    )
    assert_array_equal(one, batched)
    assert not (sheet.parent / "never.ome.zarr").exists()


def test_a_rerun_skips_what_is_committed(sheet, tiny_model):
    for _ in range(2):
        with pytest.raises(BatchError):
            predict(sheet, str(tiny_model), batch=True, threads=1)
    made = (sheet.parent / "raw-1.ome.zarr.commit.json").stat().st_mtime_ns
    with pytest.raises(BatchError):
        predict(sheet, str(tiny_model), batch=True, threads=1)
    assert (sheet.parent / "raw-1.ome.zarr.commit.json").stat().st_mtime_ns == made


@pytest.mark.parametrize("text", ["image\tother\na\tb\n", "image\tdest\na\n", ""])
def test_a_list_without_its_columns_is_refused(text, tmp_path, tiny_model):
    sheet = tmp_path / "list.tsv"
    sheet.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="BATCH-COLUMNS"):
        predict(sheet, str(tiny_model), batch=True)
