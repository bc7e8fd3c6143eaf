# A table for each sample; against a reference where the sheet names one.


rule measure:
    input:
        labels="results/labels/{model}/{sample}.ome.zarr.commit.json",
        image="results/images/{sample}.ome.zarr.commit.json",
        reference=reference,
    output:
        "results/measurements/{model}/{sample}.parquet",
    log:
        "logs/measure/{model}/{sample}.log",
    wildcard_constraints:
        sample=samples_of("brain_mri", "liver_ct", "cbct4d"),
    params:
        reference=lambda wildcards, input: (
            f"--reference {input.reference}" if input.reference else ""
        ),
        failed="results/failed/measure/{model}/{sample}.json",
    shell:
        "medscience --failure-record {params.failed} "
        "measure {input.labels} {input.image} {output} {params.reference} &> {log}"
