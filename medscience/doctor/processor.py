"""What the processor can do, in words."""

import platform
from pathlib import Path

from medscience.doctor.finding import Finding, State

ABILITIES = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "bfloat16 (AVX-512)",
    "amx_bf16": "bfloat16 (AMX)",
    "asimd": "NEON",
    "sve": "SVE",
    "bf16": "bfloat16",
}
"""Words for the kernel's names of what makes networks fast."""


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Finding:
    """Which of the instructions that networks profit from there are."""
    try:
        lines = [line.partition(":") for line in cpuinfo.read_text("utf-8").splitlines()]
    except OSError:  # not Linux
        return Finding("processor", State.OK, f"{platform.machine()}; its features cannot be read here")
    facts = {key.strip(): value.strip() for key, _, value in lines}
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    abilities = [word for flag, word in ABILITIES.items() if flag in flags]
    found = f"{facts.get('model name', platform.machine())} with {', '.join(abilities) or 'no AVX2'}"
    if not abilities:
        return Finding(
            "processor", State.WARNING, found, "expect it to be slow, or use a processor of 2014 or later"
        )
    return Finding("processor", State.OK, found)
