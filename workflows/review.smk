# What people should look at first: a list for each model, worst first.


rule queue:
    input:
        config=CONFIG,
        sheet=str(COHORT.settings.samples),
        tables=measured_of_model,
    output:
        "results/review/{model}.tsv",
    log:
        "logs/queue/{model}.log",
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    shell:
        "medscience queue {input.config:q} {wildcards.model:q} {output} &> {log}"
