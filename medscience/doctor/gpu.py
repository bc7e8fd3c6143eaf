"""Graphics processors: what the driver sees, what torch sees, and why the two may differ."""

from collections.abc import Mapping

from medscience.doctor.command import Answer, ask, on_path
from medscience.doctor.finding import Finding, State
from medscience.doctor.memory import gibibytes
from medscience.doctor.torch import Torch

QUERY = ("--query-gpu=name,driver_version", "--format=csv,noheader")


def gpu(said: Torch | Answer | None, environment: Mapping[str, str], seconds: float = 3.0) -> Finding:
    """Whether there is a GPU, and whether torch can use it."""
    if isinstance(said, Torch) and said.gpus:
        names = ", ".join(f"{name} with {gibibytes(size)}" for name, size in said.gpus)
        return Finding("GPU", State.OK, f"{names}; predictions use the first")
    program = on_path("nvidia-smi", environment)
    if program is None:
        return Finding("GPU", State.ABSENT, "none seen; predictions run on processors")
    driver = ask([program, *QUERY], environment, seconds)
    if driver is None:
        fix = "restart the machine, or ask who runs it"
        return Finding("GPU", State.WARNING, f"the driver did not answer within {seconds:.0f} s", fix)
    if driver.code:
        fix = "restart the machine" if "mismatch" in driver.complaint[0] else "install NVIDIA's driver again"
        return Finding("GPU", State.WARNING, f"the driver says: {driver.complaint[0]}", fix)
    return Finding("GPU", State.WARNING, *_unseen(driver.said.splitlines()[0], said, environment))


def _unseen(device: str, said: Torch | Answer | None, environment: Mapping[str, str]) -> tuple[str, str]:
    """What to say of a GPU that the driver sees and torch does not."""
    if not isinstance(said, Torch):
        return f"{device}; torch did not say whether it sees it", "mend torch first"
    if said.cuda is None:
        fix = "run: rm -r .venv && make setup TORCH_INDEX=... with the index of a CUDA build (pytorch.org)"
        return f"{device}, but torch is built for processors only", fix
    hidden = environment.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None:
        return f"{device}, hidden by CUDA_VISIBLE_DEVICES={hidden}", "run: unset CUDA_VISIBLE_DEVICES"
    return f"{device}: too old a driver for torch's CUDA {said.cuda}", "update NVIDIA's driver"
