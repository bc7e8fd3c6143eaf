# What people should look at first: a list for each model, worst first.


def queues(wildcards):
    return [
        f"results/review/{model}.tsv"
        for model in sorted({model for model, _ in COHORT.pairs})
    ]


def measured_of_model(wildcards):
    return measured(wildcards.model)


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
