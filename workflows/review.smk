# What people should look at first: a list for each model, worst first.


def queues(wildcards):
    return [
        f"results/review/{model}.tsv"
        for model in sorted(
            {model for model, sample in COHORT.pairs if sample not in STRIKES}
        )
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
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    shell:
        "medscience queue {input.config:q} {wildcards.model:q} {output} &> {log}"
