# Cone-beam projections: line integrals, then an image of each phase of the breath and one of all views.
# A model of several rounds restores them, has each reconstructed again from what it restored, and restores those.
# What it restored at last may be fitted to the projections.


rule projections:
    output:
        "results/projections/{sample}.ome.zarr.commit.json",
    log:
        "logs/projections/{sample}.log",
    wildcard_constraints:
        sample="|".join(PROJECTED) or "(?!)",
    group:
        image_group
    resources:
        mem_mb=mem_mb("ingest"),
        runtime=runtime("ingest"),
        turn=1,
    params:
        source=source,
        digest=source_digest,
        acquisition=acquisition,
        stamp=lambda wildcards: stamp_of_source(wildcards.sample),
        told=lambda wildcards: [stamp(path) for path in named_by_acquisition(wildcards)],
        failed="results/failed/ingest/{sample}.json",
    shell:
        "medscience --failure-record {params.failed} "
        "ingest {params.source:q} {output} {params.digest} {params.acquisition:q} &> {log}"


rule reconstruct:
    input:
        "results/projections/{sample}.ome.zarr.commit.json",
    output:
        image="results/images/{sample}.ome.zarr.commit.json",
        prior="results/priors/{sample}.ome.zarr.commit.json",
    log:
        "logs/reconstruct/{sample}.log",
    benchmark:
        "logs/reconstruct/{sample}.tsv"
    wildcard_constraints:
        sample="|".join(PROJECTED) or "(?!)",
    group:
        image_group
    threads: COHORT.settings.threads
    resources:
        mem_mb=lambda wildcards, attempt: job_mb("reconstruct", None, PROMISED, attempt),
        runtime=lambda wildcards, attempt: job_minutes("reconstruct", None, attempt),
        turn=1,
    params:
        failed="results/failed/reconstruct/{sample}.json",
        memory=COHORT.settings.memory,
        method=RECONSTRUCTION,
    shell:
        "medscience --failure-record {params.failed} "
        "reconstruct {input:q} {output.image:q} {output.prior:q} --method {params.method:q} --memory {params.memory:q} "
        "--threads {threads} &> {log}"


rule restore:
    input:
        image=phases,
        prior=prior,
        model="config/models/{model}.yaml",
    output:
        "results/restored/{model}/{sample}.ome.zarr.commit.json",
    log:
        "logs/predict/{model}/{sample}.log",
    benchmark:
        "logs/predict/{model}/{sample}.tsv"
    wildcard_constraints:
        sample=samples_of("cbct4d"),
    group:
        network_group
    threads: COHORT.settings.threads
    resources:
        mem_mb=mem_mb("predict"),
        runtime=runtime("predict"),
        gpu=gpus,
        turn=1,
    params:
        prior=lambda wildcards, input: ["--prior", input.prior] if input.prior else [],
        failed="results/failed/predict/{model}/{sample}.json",
        memory=COHORT.settings.memory,
        precision=COHORT.settings.precision,
        device=DEVICE,
    shell:
        "medscience --failure-record {params.failed} "
        "predict {input.image} {input.model} {output} {params.prior:q} --precision {params.precision} "
        "--memory {params.memory:q} --threads {threads} {params.device} &> {log}"


use rule restore as restore_in_between with:
    output:
        "results/rounds/{round}/restored/{model}/{sample}.ome.zarr.commit.json",
    log:
        "logs/rounds/{round}/restore/{model}/{sample}.log",
    benchmark:
        "logs/rounds/{round}/restore/{model}/{sample}.tsv"


rule reconstruct_again:
    input:
        projections="results/projections/{sample}.ome.zarr.commit.json",
        prior="results/priors/{sample}.ome.zarr.commit.json",
        restored=restored_before,
    output:
        "results/rounds/{round}/images/{model}/{sample}.ome.zarr.commit.json",
    log:
        "logs/rounds/{round}/reconstruct/{model}/{sample}.log",
    benchmark:
        "logs/rounds/{round}/reconstruct/{model}/{sample}.tsv"
    wildcard_constraints:
        round="[2-9]",
        sample="|".join(PROJECTED) or "(?!)",
    group:
        network_group
    threads: COHORT.settings.threads
    resources:
        mem_mb=lambda wildcards, attempt: job_mb("reconstruct", None, PROMISED, attempt),
        runtime=lambda wildcards, attempt: job_minutes("reconstruct", None, attempt),
        turn=1,
    params:
        failed="results/failed/again/{model}/{sample}.json",
        memory=COHORT.settings.memory,
    shell:
        "medscience --failure-record {params.failed} "
        "reconstruct {input.projections:q} {output:q} {input.prior:q} --method mckinnon-bates --again {input.restored:q} "
        "--memory {params.memory:q} --threads {threads} &> {log}"


rule fit:
    input:
        projections="results/projections/{sample}.ome.zarr.commit.json",
        prior="results/priors/{sample}.ome.zarr.commit.json",
        restored=restored_before,
    output:
        "results/restored/{model}/{sample}.ome.zarr.commit.json",
    log:
        "logs/fit/{model}/{sample}.log",
    benchmark:
        "logs/fit/{model}/{sample}.tsv"
    wildcard_constraints:
        model="|".join(FITS) or "(?!)",
        sample="|".join(PROJECTED) or "(?!)",
    group:
        network_group
    threads: COHORT.settings.threads
    resources:
        mem_mb=lambda wildcards, attempt: job_mb("reconstruct", None, PROMISED, attempt),
        runtime=lambda wildcards, attempt: job_minutes("reconstruct", None, attempt),
        turn=1,
    params:
        failed="results/failed/fit/{model}/{sample}.json",
        memory=COHORT.settings.memory,
        fit=lambda wildcards: FITS[wildcards.model],
    shell:
        "medscience --failure-record {params.failed} "
        "reconstruct {input.projections:q} {output:q} {input.prior:q} --method fit --again {input.restored:q} "
        "--rounds {params.fit.rounds:q} --smooth-space {params.fit.smooth_space:q} "
        "--memory {params.memory:q} --threads {threads} &> {log}"


ruleorder: fit > restore
