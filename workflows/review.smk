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
    shell:
        "medscience queue {input.config:q} {wildcards.model:q} {output} &> {log}"
