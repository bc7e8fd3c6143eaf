# Sources are params, never input: a missing file stops its own sample, not the run.


rule ingest:
    output:
        "results/images/{sample}.ome.zarr.commit.json",
    log:
        "logs/ingest/{sample}.log",
    benchmark:
        "logs/ingest/{sample}.tsv"
    wildcard_constraints:
        sample=NOT_PROJECTED,
    group:
        image_group
    resources:
        mem_mb=mem_mb("ingest"),
        runtime=runtime("ingest"),
        turn=1,
    params:
        source=source,
        digest=source_digest,
        options=source_options,
        acquisition=acquisition,
        stamp=lambda wildcards: stamp_of_source(wildcards.sample),
        told=lambda wildcards: [stamp(path) for path in acquisition(wildcards)[1:]],
        failed="results/failed/ingest/{sample}.json",
    shell:
        "medscience --failure-record {params.failed} "
        "ingest {params.source:q} {output} {params.digest} {params.options:q} "
        "{params.acquisition:q} &> {log}"


rule reference:
    output:
        "results/references/{sample}.ome.zarr.commit.json",
    log:
        "logs/reference/{sample}.log",
    group:
        group
    resources:
        mem_mb=mem_mb("ingest"),
        runtime=runtime("ingest"),
        turn=1,
    params:
        source=reference_source,
        labels=lambda wildcards: [] if wildcards.sample in BREATHS else ["--labels"],
        stamp=lambda wildcards: stamp(reference_source(wildcards)),
        failed="results/failed/reference/{sample}.json",
    shell:
        "medscience --failure-record {params.failed} "
        "ingest {params.labels} {params.source:q} {output} &> {log}"
