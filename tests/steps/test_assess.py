"""From restored phases and a truth to a table."""

import json

import numpy as np
import pytest

from medscience.errors import MismatchError
from medscience.image import Meaning
from medscience.measure.phases import ASSESSED
from medscience.simulate.thorax.canvas import upright
from medscience.steps.assess import assess
from medscience.store.commit import Provenance
from medscience.store.images import ImageWriter
from medscience.store.metadata import Content
from medscience.store.staging import staged
from medscience.store.tables import read_table

GRID = upright((16, 20, 24), 6.0)


def store(path, values, grid=GRID):
    content = Content.of(Meaning(grid, "tzyx", "HU"))
    with staged(path, Provenance("test", {"path": path.name}, {})) as staging:
        staging.record["model"] = "tiny4d"
        writer = ImageWriter(staging, content, values.shape, np.float32)
        writer.write(tuple(slice(0, n) for n in values.shape), values.astype(np.float32))
        writer.finish()
    return path


def chest(low):
    """A box of muscle with lungs in it, and in one of them a ball that is `low` mm below the middle."""
    x, y, z = np.moveaxis(GRID.world(np.moveaxis(np.indices(GRID.shape), 0, -1)), -1, 0)
    hu = np.where((np.abs(x) < 62) & (np.abs(y) < 50), 40.0, -1000.0)
    hu = np.where((np.abs(np.abs(x) - 28) < 22) & (np.abs(y) < 38), -800.0, hu)
    away = np.sqrt((x - 28) ** 2 + y**2 + (z + low) ** 2)
    part = np.clip(0.5 + (13 - away) / 6, 0, 1)
    return hu + part * (40 - hu), part > 0.5


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phases")
    truth, tumour = (np.stack(arrays) for arrays in zip(*map(chest, (-9, 0, 9, 3)), strict=True))
    noise = np.random.default_rng(0).standard_normal(truth.shape)
    made = {"truth": truth, "tumour": tumour, "given": truth + 120 * noise, "restored": truth + 20 * noise}
    return {name: store(folder / f"{name}.ome.zarr", values) for name, values in made.items()}


def test_a_table_says_how_far_off_each_phase_is_before_and_after(stores, tmp_path):
    path = tmp_path / "case.parquet"
    assess(stores["restored"], stores["given"], path, stores["truth"], stores["tumour"])
    table, stated = read_table(path)
    assert table.schema.remove_metadata() == ASSESSED
    rows = table.to_pylist()
    assert {(row["phase"], row["region"]) for row in rows} == {
        (phase, region) for phase in range(4) for region in ("body", "lungs", "tumour")
    }
    for row in rows:
        assert (row["sample"], row["model"]) == ("case", "tiny4d")
        assert row["rmse_hu"] == pytest.approx(20, rel=0.25)
        assert row["given_rmse_hu"] == pytest.approx(120, rel=0.25)
        assert row["change_hu"] == pytest.approx(100, rel=0.25)
        assert row["given_ssim"] < row["ssim"] <= 1
        assert row["given_streak_hu_per_mm"] == pytest.approx(6 * row["streak_hu_per_mm"], rel=1e-3)
        assert (row["shift_z_mm"] is None) == (row["region"] != "tumour")
    overall = json.loads(stated["motion"])
    assert overall["tumour_error_mm"] < 0.4
    assert overall["amplitude_kept"] == pytest.approx(1, abs=0.05)
    assert overall["given_motion_rmse_hu"] > 4 * overall["motion_rmse_hu"]


def test_what_forgets_the_motion_is_found_out(stores, tmp_path):
    from medscience.store.images import open_image

    truth = open_image(stores["truth"]).image
    phases = truth.read((slice(None),) * 4)
    still = store(tmp_path / "still.ome.zarr", np.broadcast_to(phases.mean(axis=0), phases.shape))
    path = tmp_path / "still.parquet"
    assess(still, stores["given"], path, stores["truth"], stores["tumour"])
    overall = json.loads(read_table(path)[1]["motion"])
    assert overall["amplitude_kept"] < 0.3
    assert overall["tumour_error_mm"] > 3


def test_without_a_truth_only_the_change_is_known(stores, tmp_path):
    path = tmp_path / "case.parquet"
    assess(stores["restored"], stores["given"], path)
    table, stated = read_table(path)
    assert set(table["region"].to_pylist()) == {"body", "lungs"}
    assert table["rmse_hu"].null_count == len(table)
    assert table["change_hu"].null_count == 0
    assert "motion" not in stated


def test_phases_of_another_grid_are_refused(stores, tmp_path):
    other = store(tmp_path / "other.ome.zarr", np.zeros((4, 16, 20, 24)), upright((16, 20, 24), 5.0))
    with pytest.raises(MismatchError, match="ASSESS-GRID"):
        assess(stores["restored"], other, tmp_path / "case.parquet")
