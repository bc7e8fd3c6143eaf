# One sample sheet in; labels, measurements and a report out: `snakemake --cores all`.
# Settings: config/config.yaml, or another file given with --config settings=FILE.


include: "workflows/cohort.smk"
include: "workflows/ingest.smk"
include: "workflows/predict.smk"
include: "workflows/measure.smk"
include: "workflows/report.smk"
include: "workflows/review.smk"


rule all:
    default_target: True
    input:
        "results/report/cohort.html",
        QUEUES,


onerror:
    report_what_there_is()
