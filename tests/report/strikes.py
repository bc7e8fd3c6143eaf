"""A cohort with struck pans, small enough to read."""

from pathlib import Path

from medscience.config.settings import Cohort, Models, Settings
from medscience.config.sheet import Sample
from medscience.steps.export import film
from medscience.steps.follow import follow
from tests.measure.made import OCTAVE, STRUCK
from tests.steps.test_follow import write_detections, write_recording, write_wav


def finish(results, sample, model="net", audio=None, **told):
    """Everything that the workflow makes of one recording."""
    image = results / f"images/{sample}.ome.zarr"
    found, notes, motion = (
        results / f"{folder}/{model}/{sample}.parquet" for folder in ("detections", "measurements", "motion")
    )
    write_recording(image, **told)
    write_detections(found, image, STRUCK, OCTAVE, model_name=model)
    follow(found, image, notes, motion, audio)
    film(notes, motion, image, results / f"films/{model}/{sample}.mp4")


def cohort_of_strikes(*names, audio=None):
    samples = tuple(
        Sample(name=n, track="steelpan", source=f"{n}.mkv", acquisition="how.yaml", audio=audio)
        for n in names
    )
    return Cohort(
        settings=Settings(samples=Path("samples.tsv"), models=Models(steelpan=("net",))), samples=samples
    )


def heard(results, sample):
    """The same with a sound beside it."""
    path = results.parent / f"{sample}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav(path)
    finish(results, sample, audio=path)
    return path
