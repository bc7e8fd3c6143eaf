# From a training sheet to a model in config/models, or to one model for each fold:
# `snakemake --snakefile workflows/train.smk --cores all`.
# Settings: config/training.yaml, or another file: --config settings=FILE.

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


rule all:
    default_target: True
    input:
        trained_models,


# an interrupted training goes on: its checkpoint is not an output, so nobody deletes it
rule train:
    input:
        recipe=str(RECIPE),
        sheet=str(TRAINING.data),
        stores=stores,
    output:
        "results/models/{model}/{model}.yaml",
    log:
        "logs/train/{model}.log",
    benchmark:
        "logs/train/{model}.tsv"
    threads: TRAINING.threads
    resources:
        mem_mb=parse_memory(TRAINING.memory) >> 20,
    params:
        failed="results/failed/train/{model}.json",
        fold=fold,
        start=["--from", TRAINING.start] if TRAINING.start else [],
    shell:
        "medscience --failure-record {params.failed} "
        "train {input.recipe:q} --data {input.sheet:q} --name {wildcards.model:q} {params.fold:q} "
        "{params.start:q} --resume --memory {resources.mem_mb}M --threads {threads} &> {log}"


rule add:
    input:
        "results/models/{model}/{model}.yaml",
    output:
        "config/models/{model}.yaml",
    log:
        "logs/add/{model}.log",
    shell:
        "medscience models add results/models/{wildcards.model:q} &> {log}"
