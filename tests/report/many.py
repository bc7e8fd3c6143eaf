"""A cohort of many samples, made of one: what the page must hold without growing heavy or slow."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from medscience.config.settings import Cohort, Models, Settings
from medscience.config.sheet import Sample
from medscience.description import Label
from medscience.report.budget import share
from medscience.report.collect import ModelReport, collect
from medscience.report.pictures import Pictures
from medscience.report.results import read_result

COLORS = ((0, 0, 0), (230, 230, 230), (205, 62, 78), (60, 120, 220))
NAMES = tuple(Label(value=n, name=f"tissue {n}", color=color) for n, color in enumerate(COLORS))
SHAPE = (160, 192, 160)


def textured_head(shape=SHAPE):
    """A head with folds and with a scan's noise (Rician, 3 %), which compresses as badly as a real one."""
    random = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    radius = np.sqrt((grid**2).sum(axis=0))
    folds = ndimage.gaussian_filter(random.standard_normal(shape), 2.5) * 16 + (0.55 - radius) * 6
    labels = np.select([radius > 0.72, folds > 0.4, folds > -0.9], [0, 1, 2], 3).astype(np.uint8)
    skull = 210.0 * ((radius > 0.82) & (radius < 0.92))
    clean = ndimage.gaussian_filter(np.array([0.0, 160, 105, 40])[labels] + skull, 0.6)
    noisy = np.hypot(clean + random.normal(0, 5, shape), random.normal(0, 5, shape))
    return noisy.clip(0, 255).astype(np.uint8), labels


def sample(name):
    return Sample(name=name, track="brain_mri", source=f"/data/study/{name}/anat/{name}_T1w.nii.gz")


def many(folder, count):
    """Return the report of `count` samples, each with pictures as large as a cohort of that size allows."""
    values, labels = textured_head()
    folder.ingest("one", values=values)
    folder.segment("one", names=NAMES, labels=labels)
    folder.measure("one")
    result = read_result(folder.results, "net", sample("one"), Pictures(share(count, count)))
    cohort = Cohort(settings=Settings(samples=Path("s.tsv"), models=Models(brain_mri=("net",))), samples=())
    nothing = collect(cohort, folder.results, folder.models, Path("config/config.yaml"))
    results = tuple(another(result, f"subject-{n:03}", n) for n in range(count))
    return replace(nothing, samples=count, models=(ModelReport("net", None, (), results),))


def another(result, name, number):
    """The same result as another sample's: its own name, image and volumes."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    factor = 1 + 0.1 * np.sin(number * 7.3)
    measurements = tuple(
        replace(m, region=replace(m.region, volume_mm3=m.region.volume_mm3 * factor))
        for m in result.measurements
    )
    runs = (replace(result.runs[0], digest=digest), *result.runs[1:])
    return replace(result, sample=sample(name), measurements=measurements, runs=runs)
