"""Group H: what a model for CT is given."""

import numpy as np

from medscience.geometry import Geometry, as_affine
from medscience.steps.predict import predict
from medscience.store.images import open_image
from tests.conftest import save_tiny_model
from tests.store.conftest import write


def predicting(folder, values):
    """Return an attempt to predict with a model for CT, which gives what is warned of."""
    model = save_tiny_model(folder / "models")
    model.write_text(model.read_text("utf-8").replace("modality: T1", "modality: CT"), "utf-8")
    grid = Geometry(values.shape, as_affine(np.diag([1.0, 1, 1, 1])[:, [2, 1, 0, 3]]))
    image = write(folder / "scan.ome.zarr", values.astype(np.int16), affine=grid.affine)

    def attempt():
        predict(image, str(model), folder / "raw.ome.zarr", precision="float32", threads=1)
        return open_image(folder / "raw.ome.zarr").commit.record["warnings"]

    return attempt


def body(slices=34):
    """Hounsfield units: soft tissue in air."""
    _, y, x = np.indices((slices, 36, 36))
    return np.where((y - 18) ** 2 + (x - 18) ** 2 < 225, 50, -1000)


def mr_for_a_ct_model(folder):
    return predicting(folder, np.where(body() > 0, 700, 3))


def ct_without_its_intercept(folder):
    return predicting(folder, body() + 1024)


def one_slice(folder):
    return predicting(folder, body(1))


def ct_with_metal(folder):
    values = body()
    values[15:18, 10:26, 10:26] = 30_000
    return predicting(folder, values)
