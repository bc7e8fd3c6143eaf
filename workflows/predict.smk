# From image to labels; the memory that a step may take is the user's setting, and what it asks of a cluster is
# what its plan says.


rule predict:
    input:
        image="results/images/{sample}.ome.zarr.commit.json",
        model="config/models/{model}.yaml",
    output:
        "results/predictions/{model}/{sample}.ome.zarr.commit.json",
    log:
        "logs/predict/{model}/{sample}.log",
    benchmark:
        "logs/predict/{model}/{sample}.tsv"
    group:
        network_group
    threads: COHORT.settings.threads
    resources:
        mem_mb=mem_mb("predict"),
        runtime=runtime("predict"),
        gpu=gpus,
        turn=1,
    params:
        failed="results/failed/predict/{model}/{sample}.json",
        memory=COHORT.settings.memory,
        precision=COHORT.settings.precision,
        device=DEVICE,
        maps=[f"--map {name}" for name in COHORT.settings.maps],
    shell:
        "medscience --failure-record {params.failed} "
        "predict {input.image} {input.model} {output} --precision {params.precision} {params.maps} "
        "--memory {params.memory:q} --threads {threads} {params.device} &> {log}"


rule postprocess:
    input:
        image="results/images/{sample}.ome.zarr.commit.json",
        prediction="results/predictions/{model}/{sample}.ome.zarr.commit.json",
        model="config/models/{model}.yaml",
    output:
        "results/labels/{model}/{sample}.ome.zarr.commit.json",
    log:
        "logs/postprocess/{model}/{sample}.log",
    group:
        group
    resources:
        mem_mb=mem_mb("postprocess"),
        runtime=runtime("postprocess"),
        turn=1,
    params:
        failed="results/failed/postprocess/{model}/{sample}.json",
    shell:
        "medscience --failure-record {params.failed} "
        "postprocess {input.prediction} {input.model} {output} --image {input.image} &> {log}"
