# The settings and the sample sheet, checked before any job runs.

import sys
from functools import cache
from pathlib import Path
from stat import S_ISDIR

from snakemake.exceptions import WorkflowError

from medscience.config.settings import read_cohort
from medscience.config.sheet import NAME
from medscience.description import find_model
from medscience.errors import MedscienceError


include: "settings.smk"


CONFIG = settings_file("config/config.yaml")

try:
    COHORT = read_cohort(Path(CONFIG), warn=workflow.is_main_process)
    for model in {model for model, _ in COHORT.pairs}:
        find_model(model)
except MedscienceError as fault:
    raise WorkflowError(fault.line) from None

PAGE = "results/report/cohort.html"
UNFINISHED = "results/report/unfinished"  # when a run last ended with failures


wildcard_constraints:
    sample=NAME.strip("^$"),
    model=NAME.strip("^$"),


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


def reference_source(wildcards):
    return COHORT.sample(wildcards.sample).reference


def reference(wildcards):
    if COHORT.sample(wildcards.sample).reference:
        return f"results/references/{wildcards.sample}.ome.zarr.commit.json"
    return []


def report_what_there_is():
    shell("medscience report {CONFIG:q} {PAGE}")
    Path(UNFINISHED).touch()
    print(f"The report says what failed: {PAGE}", file=sys.stderr)
