# Steelpans: from frames to antinodes, from antinodes to the motion of each note, and a film of it.


rule detect:
    input:
        image="results/images/{sample}.ome.zarr.commit.json",
        model="config/models/{model}.yaml",
    output:
        "results/detections/{model}/{sample}.parquet",
    log:
        "logs/detect/{model}/{sample}.log",
    benchmark:
        "logs/detect/{model}/{sample}.tsv"
    wildcard_constraints:
        sample=samples_of("steelpan"),
    group:
        group
    threads: COHORT.settings.threads
    resources:
        mem_mb=mem_mb("detect"),
        runtime=runtime("detect"),
        turn=1,
    params:
        failed="results/failed/detect/{model}/{sample}.json",
    shell:
        "medscience --failure-record {params.failed} "
        "detect {input.image} {input.model} {output} --threads {threads} &> {log}"


rule follow:
    input:
        detections="results/detections/{model}/{sample}.parquet",
        image="results/images/{sample}.ome.zarr.commit.json",
        correction=correction,
    output:
        notes="results/measurements/{model}/{sample}.parquet",
        motion="results/motion/{model}/{sample}.parquet",
    log:
        "logs/follow/{model}/{sample}.log",
    wildcard_constraints:
        sample=samples_of("steelpan"),
    group:
        group
    resources:
        mem_mb=mem_mb("follow"),
        runtime=runtime("follow"),
        turn=1,
    params:
        audio=audio,
        heard=lambda wildcards: [stamp(path) for path in audio(wildcards)[1:]],
        correction=correction_option,
        failed="results/failed/follow/{model}/{sample}.json",
    shell:
        "medscience --failure-record {params.failed} "
        "follow {input.detections:q} {input.image} {output.notes:q} {output.motion:q} {params.audio:q} "
        "{params.correction:q} &> {log}"


rule film:
    input:
        notes="results/measurements/{model}/{sample}.parquet",
        motion="results/motion/{model}/{sample}.parquet",
        image="results/images/{sample}.ome.zarr.commit.json",
    output:
        "results/films/{model}/{sample}.mp4",
    log:
        "logs/film/{model}/{sample}.log",
    wildcard_constraints:
        sample=samples_of("steelpan"),
    group:
        group
    resources:
        mem_mb=mem_mb("film"),
        runtime=runtime("film"),
        turn=1,
    params:
        failed="results/failed/film/{model}/{sample}.json",
    shell:
        "medscience --failure-record {params.failed} "
        "export film {input.notes:q} {input.motion:q} {input.image} {output} &> {log}"
