"""Small cone-beam scans on disk, as other people's programs leave them."""

import numpy as np
import SimpleITK as sitk
import yaml

from medscience.ingest.rtk_geometry import write_geometry
from medscience.views import Views

SHAPE = (12, 16)
PITCH = (4.0, 3.0)
I0 = 50000


def circle(count=30, step=12.0, **more):
    return Views.circle(np.arange(count) * step, 1000, 1536, **more)


def counts(count=30, seed=0, shape=SHAPE):
    """Counts of a smooth body in air, with the noise of counting."""
    v, u = np.indices(shape)
    body = 3 * np.exp(-(((u - shape[1] / 2 + 0.5) / 4) ** 2) - ((v - 6) / 20) ** 2)
    rng = np.random.default_rng(seed)
    return rng.poisson(I0 * np.exp(-body), (count, *shape)).clip(0, 65535).astype(np.uint16)


def write_stack(path, stack, pitch=PITCH):
    """Write views as a MetaImage stack, its middle the detector's origin."""
    image = sitk.GetImageFromArray(stack)
    image.SetSpacing((pitch[1], pitch[0], 1.0))
    middle = [-(n - 1) / 2 * s for n, s in zip(stack.shape[:0:-1], pitch[::-1], strict=True)]
    image.SetOrigin((*middle, 0.0))
    sitk.WriteImage(image, path)
    return path


def write_scan(folder, stack=None, views=None, breathing=None, **changes):
    """Write a scan; return the projections' path and the acquisition file's."""
    folder.mkdir(parents=True, exist_ok=True)
    stack = counts() if stack is None else stack
    views = circle(len(stack)) if views is None else views
    write_geometry(folder / "geometry.xml", views)
    said = {
        "geometry": "geometry.xml",
        "patient_position": "HFS",
        "rotation": "clockwise",
        "fan": "full",
        "values": "counts",
        "i0": I0,
        "water_per_mm": 0.02,
    }
    if breathing is not None:
        (folder / "breathing.csv").write_text(breathing)
        said["breathing"] = "breathing.csv"
    said = {key: value for key, value in (said | changes).items() if value is not None}
    acquisition = folder / "scan.yaml"
    acquisition.write_text(yaml.safe_dump(said))
    return write_stack(folder / "views.mha", stack), acquisition


def table(**columns):
    """Return a CSV table of columns of numbers."""
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *(",".join(f"{n:.6f}" for n in row) for row in rows)]) + "\n"
