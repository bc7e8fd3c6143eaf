# One sample sheet in; labels, measurements and a report out: `snakemake --cores all`.
# Settings: config/config.yaml, or another file given with --config settings=FILE.


include: "workflows/alone.smk"
include: "workflows/cohort.smk"
include: "workflows/resources.smk"
include: "workflows/ingest.smk"
include: "workflows/predict.smk"
include: "workflows/fringes.smk"
include: "workflows/measure.smk"
include: "workflows/report.smk"
include: "workflows/review.smk"


rule all:
    default_target: True
    input:
        "results/report/cohort.html",
        QUEUES,


onstart:
    refuse_a_second_run("run")
    if workflow.non_local_exec:
        shell("medscience cluster estimate {CONFIG:q} --table {FORECASTS:q}")


onerror:
    report_what_there_is()
