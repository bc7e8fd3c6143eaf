# The settings of a training and its sheet, checked before any job runs.

from pathlib import Path

from snakemake.exceptions import WorkflowError

from medscience.config.sheet import NAME
from medscience.config.training import read_training
from medscience.description import find_design
from medscience.errors import MedscienceError
from medscience.inference.plan import parse_memory
from medscience.store.commit import commit_path, store_path


include: "settings.smk"


CONFIG = settings_file("config/training.yaml")

try:
    TRAINING, PAIRS = read_training(Path(CONFIG))
    RECIPE = find_design(TRAINING.recipe)
except MedscienceError as fault:
    raise WorkflowError(fault.line) from None


wildcard_constraints:
    model=NAME.strip("^$"),


def stores(wildcards):
    return [
        str(commit_path(store_path(store)))
        for pair in PAIRS
        for store in (pair.image, pair.labels)
    ]


def fold(wildcards):
    number = wildcards.model.removeprefix(f"{TRAINING.name}-fold")
    return ["--fold", number] if TRAINING.folds else []


def trained_models(wildcards):
    if TRAINING.folds:
        return [f"results/models/{model}/{model}.yaml" for model in TRAINING.models]
    return f"config/models/{TRAINING.name}.yaml"
