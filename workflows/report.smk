# One page for the cohort: by the rule when every sample is done, by onerror when some failed.


rule report:
    input:
        config=CONFIG,
        sheet=str(COHORT.settings.samples),
        tables=measured(),
        films=films(),
        lesions=lesion_tables(),
    output:
        page=PAGE,
        table="results/report/cohort.tsv",
        notes=NOTES,
        lesions=LESIONS,
    log:
        "logs/report.log",
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        reviews=REVIEWS.state,
        unfinished=stamp(UNFINISHED),  # onerror's page is not this rule's: it is made again
    shell:
        "medscience report {input.config:q} {output.page} &> {log}"
