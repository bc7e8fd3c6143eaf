# One page for the cohort: by the rule when every sample is done, by onerror when some failed.


rule report:
    input:
        config=CONFIG,
        sheet=str(COHORT.settings.samples),
        tables=[
            f"results/measurements/{model}/{sample}.parquet"
            for model, sample in COHORT.pairs
        ],
        films=[
            f"results/films/{model}/{sample}.mp4"
            for model, sample in COHORT.pairs
            if COHORT.sample(sample).track == "steelpan"
        ],
    output:
        page=PAGE,
        table="results/report/cohort.tsv",
        notes=NOTES,
    log:
        "logs/report.log",
    params:
        unfinished=stamp(UNFINISHED),  # onerror's page is not this rule's: it is made again
    shell:
        "medscience report {input.config:q} {output.page} &> {log}"
