# What a job asks of a cluster: from the table of forecasts, which a run on a cluster makes first.

from snakemake.jobs import Job
from snakemake.scheduling.job_scheduler import JobScheduler

from medscience.cluster.forecast import job_mb, job_minutes, read_forecasts
from medscience.inference.plan import parse_memory

FORECASTS = "results/forecast.tsv"
PROMISED = parse_memory(COHORT.settings.memory) >> 20
ON_GPU = COHORT.settings.device == "cuda"
DEVICE = [f"--device {COHORT.settings.device}"] + [
    f"--gpu-memory {memory}" for memory in [COHORT.settings.gpu_memory] if memory
]
HUGE = 256 << 20  # bytes of a source whose sample gets jobs of its own


@cache
def forecasts(_stamp):
    return read_forecasts(Path(FORECASTS))


def forecast(wildcards):
    """The forecast of a sample; for steps that models share, that of its first model."""
    sample = COHORT.sample(wildcards.sample)
    model = wildcards.get("model", COHORT.models_of(sample)[0])
    return forecasts(stamp(FORECASTS)).get((model, sample.name))


def mem_mb(step):
    return lambda wildcards, attempt: job_mb(
        step, forecast(wildcards), PROMISED, attempt
    )


def runtime(step):
    return lambda wildcards, attempt: job_minutes(step, forecast(wildcards), attempt)


def group(wildcards):
    """All steps of a sample share a job, and some samples do; a huge one has jobs of its own."""
    if not (workflow.remote_exec or workflow.group_settings.group_components):
        return None  # here, where a group has no meaning but takes a dry run twice the time
    size = stamp_of_source(wildcards.sample).split()[0]
    return None if size.isdigit() and int(size) > HUGE else "sample"


def image_group(wildcards):
    """A job holds its GPU from start to end: what comes before the prediction has a job of its own."""
    return group(wildcards) and ("image" if ON_GPU else "sample")


def network_group(wildcards):
    return group(wildcards) and ("gpu" if ON_GPU else "sample")


def gpus(wildcards):
    """A job starts once for each GPU that it asks for, unless that is one."""
    known = forecast(wildcards)
    return int(ON_GPU and (known is None or known.gpu_mb > 0))


async def remove_at_first_attempt(job, remove=Job.remove_existing_output):
    if workflow.execution_settings.attempt == 1:
        await remove(job)


resource_scopes:
    turn="local",


# Within a job: steps one after the other; the others go on when one fails; and what an earlier attempt committed
# stays, so that its step finds it done. No option of Snakemake's reaches there.
if workflow.remote_exec:
    workflow.register_resource("turn", 1)
    JobScheduler.keepgoing = property(lambda _: True, lambda *_: None)
    Job.remove_existing_output = remove_at_first_attempt
