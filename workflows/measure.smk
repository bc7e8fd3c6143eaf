# A table for each sample, of what people made of its labels if they corrected them; against a reference where
# the sheet names one.


rule measure:
    input:
        labels="results/labels/{model}/{sample}.ome.zarr.commit.json",
        image="results/images/{sample}.ome.zarr.commit.json",
        reference=reference,
        correction=correction,
    output:
        "results/measurements/{model}/{sample}.parquet",
    log:
        "logs/measure/{model}/{sample}.log",
    wildcard_constraints:
        sample=samples_of("brain_mri", "liver_ct"),
    group:
        group
    resources:
        mem_mb=mem_mb("measure"),
        runtime=runtime("measure"),
        turn=1,
    params:
        reference=lambda wildcards, input: (
            f"--reference {input.reference}" if input.reference else ""
        ),
        correction=correction_option,
        failed="results/failed/measure/{model}/{sample}.json",
    shell:
        "medscience --failure-record {params.failed} "
        "measure {input.labels} {input.image} {output} {params.reference} "
        "{params.correction:q} &> {log}"


rule lesions:
    input:
        labels="results/labels/{model}/{sample}.ome.zarr.commit.json",
        image="results/images/{sample}.ome.zarr.commit.json",
        reference=reference,
        correction=correction,
    output:
        lesions="results/lesions/{model}/{sample}.parquet",
        liver="results/livers/{model}/{sample}.parquet",
    log:
        "logs/lesions/{model}/{sample}.log",
    wildcard_constraints:
        sample=samples_of("liver_ct"),
    group:
        group
    resources:
        mem_mb=mem_mb("measure"),
        runtime=runtime("measure"),
        turn=1,
    params:
        reference=lambda wildcards, input: (
            f"--reference {input.reference}" if input.reference else ""
        ),
        correction=correction_option,
        failed="results/failed/lesions/{model}/{sample}.json",
    shell:
        "medscience --failure-record {params.failed} "
        "lesions {input.labels} {input.image} {output.lesions} {output.liver} {params.reference} "
        "{params.correction:q} &> {log}"


rule assess:
    input:
        restored="results/restored/{model}/{sample}.ome.zarr.commit.json",
        image="results/images/{sample}.ome.zarr.commit.json",
        truth=reference,
    output:
        "results/measurements/{model}/{sample}.parquet",
    log:
        "logs/assess/{model}/{sample}.log",
    wildcard_constraints:
        sample=samples_of("cbct4d"),
    group:
        group
    resources:
        mem_mb=mem_mb("measure"),
        runtime=runtime("measure"),
        turn=1,
    params:
        truth=lambda wildcards, input: f"--truth {input.truth}" if input.truth else "",
        failed="results/failed/assess/{model}/{sample}.json",
    shell:
        "medscience --failure-record {params.failed} "
        "assess {input.restored} {input.image} {output} {params.truth} &> {log}"
