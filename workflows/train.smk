# From a training sheet to a model in config/models, or to one model for each fold:
# `snakemake --snakefile workflows/train.smk --cores all`.
# Settings: config/training.yaml, or another file: --config settings=FILE.


include: "alone.smk"
include: "training.smk"


rule all:
    default_target: True
    input:
        trained_models,


onstart:
    refuse_a_second_run("training")


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
        runtime=12 * 60,
        gpu=int(TRAINING.device == "cuda"),
    params:
        failed="results/failed/train/{model}.json",
        fold=fold,
        device=TRAINING.device,
        start=["--from", TRAINING.start] if TRAINING.start else [],
    shell:
        "medscience --failure-record {params.failed} "
        "train {input.recipe:q} --data {input.sheet:q} --name {wildcards.model:q} {params.fold:q} "
        "{params.start:q} --resume --memory {resources.mem_mb}M --threads {threads} "
        "--device {params.device:q} &> {log}"


rule add:
    input:
        "results/models/{model}/{model}.yaml",
    output:
        "config/models/{model}.yaml",
    log:
        "logs/add/{model}.log",
    shell:
        "medscience models add results/models/{wildcards.model:q} &> {log}"
