# The settings and the sample sheet, checked before any job runs.

import sys
from functools import cache
from pathlib import Path
from stat import S_ISDIR

from snakemake.exceptions import WorkflowError

from medscience.config.acquisition import Scan, is_scan
from medscience.config.settings import read_cohort
from medscience.config.sheet import NAME
from medscience.config.yaml import read_yaml
from medscience.description import find_model
from medscience.errors import MedscienceError
from medscience.restoration import fitting_for, reconstruction_for, rounds_for
from medscience.review.reviews import read_reviews
from medscience.store.commit import commit_path


include: "settings.smk"


CONFIG = settings_file("config/config.yaml")

try:
    COHORT = read_cohort(Path(CONFIG), warn=workflow.is_main_process)
    for model in {model for model, _ in COHORT.pairs}:
        find_model(model)
    RECONSTRUCTION = reconstruction_for(map(find_model, COHORT.settings.models.cbct4d))
    ROUNDS = {
        name: rounds_for(find_model(name)) for name in COHORT.settings.models.cbct4d
    }
    FITS = {
        name: found
        for name in COHORT.settings.models.cbct4d
        if (found := fitting_for(find_model(name)))
    }
    REVIEWS = read_reviews(Path("results"))
except MedscienceError as fault:
    raise WorkflowError(fault.line) from None

PAGE = "results/report/cohort.html"
STRIKES = [sample.name for sample in COHORT.samples if sample.track == "steelpan"]
BREATHS = [sample.name for sample in COHORT.samples if sample.track == "cbct4d"]
NOTES = ["results/report/cohort_notes.tsv"] if STRIKES else []
LIVERS = [sample.name for sample in COHORT.samples if sample.track == "liver_ct"]
LESIONS = (
    ["results/report/cohort_lesions.tsv", "results/report/cohort_livers.tsv"]
    if LIVERS
    else []
)
MODELS = sorted({model for model, sample in COHORT.pairs if sample not in BREATHS})
QUEUES = [f"results/review/{model}.tsv" for model in MODELS]
UNFINISHED = "results/report/unfinished"  # when a run last ended with failures


wildcard_constraints:
    sample=NAME.strip("^$"),
    model=NAME.strip("^$"),
    round="[1-9]",


def stamp(path):
    """Size and time of a file, or of all in a folder, so that a changed source is read again."""
    try:
        found = [Path(path).stat()]
        if S_ISDIR(found[0].st_mode):
            found += [file.stat() for file in Path(path).glob("**/*")]
    except OSError:
        return "missing"
    return f"{sum(status.st_size for status in found)} {max(status.st_mtime_ns for status in found)}"


def source(wildcards):
    return COHORT.sample(wildcards.sample).source


@cache
def stamp_of_source(sample):
    return stamp(COHORT.sample(sample).source)


def source_digest(wildcards):
    digest = COHORT.sample(wildcards.sample).sha256
    return f"--sha256 {digest}" if digest else ""


def source_options(wildcards):
    return COHORT.sample(wildcards.sample).options


def acquisition(wildcards):
    path = COHORT.sample(wildcards.sample).acquisition
    return ["--acquisition", path] if path else []


def audio(wildcards):
    path = COHORT.sample(wildcards.sample).audio
    return ["--audio", path] if path else []


def samples_of(*tracks):
    """What the wildcard `sample` may be in a rule for some tracks."""
    names = [sample.name for sample in COHORT.samples if sample.track in tracks]
    return "|".join(names) or "(?!)"


def is_projected(sample):
    """Whether a sample's image has to be reconstructed; a file that cannot be read stops its own sample only."""
    try:
        return sample.track == "cbct4d" and is_scan(Path(sample.acquisition or ""))
    except MedscienceError:
        return False


PROJECTED = [sample.name for sample in COHORT.samples if is_projected(sample)]
NOT_PROJECTED = rf"(?!({'|'.join(PROJECTED) or '-'})[.]){NAME.strip('^$')}"


def prior(wildcards):
    """The image of all views, where there is one."""
    if wildcards.sample in PROJECTED:
        return f"results/priors/{wildcards.sample}.ome.zarr.commit.json"
    return []


def phases(wildcards):
    """What a network restores, in a round that is named or in the last: later ones reconstruct it again."""
    rounds = ROUNDS[wildcards.model] if wildcards.sample in PROJECTED else 1
    number = int(getattr(wildcards, "round", rounds))
    folder = f"rounds/{number}/images/{wildcards.model}" if number > 1 else "images"
    return f"results/{folder}/{wildcards.sample}.ome.zarr.commit.json"


def restored_before(wildcards):
    """What the round before restored; if none is named, the last."""
    number = int(getattr(wildcards, "round", ROUNDS[wildcards.model] + 1)) - 1
    folder = f"rounds/{number}/restored/{wildcards.model}"
    return f"results/{folder}/{wildcards.sample}.ome.zarr.commit.json"


def named_by_acquisition(wildcards):
    """The files that an acquisition file of projections names, and itself."""
    path = Path(COHORT.sample(wildcards.sample).acquisition)
    try:
        return [path, *map(path.with_name, read_yaml(path, Scan).files.values())]
    except (MedscienceError, ValueError):
        return [path]


def reference_source(wildcards):
    return COHORT.sample(wildcards.sample).reference


def reference(wildcards):
    if COHORT.sample(wildcards.sample).reference:
        return f"results/references/{wildcards.sample}.ome.zarr.commit.json"
    return []


def correction(wildcards):
    """The correction that stands, a store's commit or a table; one that is lost stops its own sample only."""
    found = REVIEWS.corrections.get((wildcards.model, wildcards.sample))
    file = commit_path(found) if found and found.suffix == ".zarr" else found
    return [str(file)] if file and file.exists() else []


def correction_option(wildcards):
    found = REVIEWS.corrections.get((wildcards.model, wildcards.sample))
    return ["--correction", found] if found else []


def measured(model=None):
    """The tables of a model, or of all; what people rejected is left out."""
    return [
        f"results/measurements/{of_model}/{sample}.parquet"
        for of_model, sample in COHORT.pairs
        if model in (None, of_model) and not REVIEWS.rejected(of_model, sample)
    ]


def films():
    """A film of every strike that nobody rejected."""
    return [
        f"results/films/{model}/{sample}.mp4"
        for model, sample in COHORT.pairs
        if sample in STRIKES and not REVIEWS.rejected(model, sample)
    ]


def lesion_tables():
    """The lesions of every liver that nobody rejected."""
    return [
        f"results/lesions/{model}/{sample}.parquet"
        for model, sample in COHORT.pairs
        if sample in LIVERS and not REVIEWS.rejected(model, sample)
    ]


def measured_of_model(wildcards):
    return measured(wildcards.model)


def report_what_there_is():
    shell("medscience report {CONFIG:q} {PAGE}")
    for model in MODELS:
        shell("medscience queue {CONFIG:q} {model:q} results/review/{model}.tsv")
    Path(UNFINISHED).touch()
    print(f"The report says what failed: {PAGE}", file=sys.stderr)
