"""A DICOM series through the verb: its choices are a part of what the store follows from."""

import pytest

from medscience.errors import ConfigError, InputError
from medscience.ingest.choices import Accepted
from medscience.steps.ingest import ingest
from medscience.store.images import open_image
from tests.ingest.dicom_files import series, write


def test_what_was_chosen_and_repaired_is_in_the_commit(tmp_path):
    scan = write(series(4, [0, 2, 6, 8]), tmp_path / "scan")
    store = tmp_path / "scan.ome.zarr"
    with pytest.raises(InputError, match="DICOM-GAP"):
        ingest(scan, store)
    assert not store.exists()
    ingest(scan, store, on_gap="resample", accept=[Accepted.NO_RESCALE])
    stored = open_image(store)
    assert stored.image.shape == (5, 16, 16)
    assert stored.content.meaning.value_unit == "HU"
    settings = {"labels": False, "on_gap": "resample", "accept": ["no-rescale"]}
    assert stored.commit.provenance.settings == settings
    assert "DICOM-GAP" in {repair["code"] for repair in stored.commit.record["repairs"]}


def test_labels_are_never_interpolated(tmp_path):
    scan = write(series(4), tmp_path / "scan")
    with pytest.raises(ConfigError, match="INGEST-LABELS"):
        ingest(scan, tmp_path / "labels.ome.zarr", labels=True, on_gap="resample")
