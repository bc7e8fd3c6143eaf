"""What a network holds in memory, read off the network itself."""

from dataclasses import replace

from medscience.inference.decide import LOGITS
from medscience.inference.engine import Engine
from medscience.inference.gpu import Gpu
from medscience.inference.plan import Footprint, OnGpu

LIBRARIES = 300 << 20
"""Bytes of a process that has imported torch and zarr and reads and writes shards; measured, rounded up."""

CUDA = 3 << 30
"""What a process holds beside that once it has begun to use a GPU; as others report it, not measured here."""

NORMALISED = 4
"""Bytes for each voxel of the normalised tile."""

MIRRORED = 12
"""Bytes of each feature beside those that are being computed: their sum, what was turned back, their mean."""

MARGIN = 1.02
"""What the allocator keeps beyond the tensors in use; measured, rounded up."""

AHEAD = 12
"""Bytes for each voxel of the tile that is read while a GPU computes the one before: its values as they are
stored, and what resampling them holds."""

GPU_MARGIN = 1.1
"""The same of a GPU's; assumed."""


def footprint(engine: Engine) -> Footprint:
    """Return what predicting with a network holds.

    Logits are decided slab by slab, so the number of classes does not count.
    """
    features = engine.features
    weights = sum(p.nbytes for p in engine.head.layer.parameters()) + features.weight_bytes
    decision = engine.head.decision.itemsize
    held = features.channels * features.precision.itemsize + NORMALISED + decision
    if len(engine.mirrors) > 1:
        held += MIRRORED * engine.head.channels + len(engine.mirrors)
    computing = Footprint(
        LIBRARIES + 2 * LOGITS + 4 * weights,
        round(held * MARGIN),
        features.per_kept,
        engine.head.channels,
        decision,
        features.working_bytes,
        reaches=features.reaches,
    )
    return _beside(engine.gpu, computing) if engine.gpu else computing


def _beside(gpu: Gpu, computing: Footprint) -> Footprint:
    """What is held where a GPU computes; processors that may take over are to find room too."""
    there = replace(
        computing,
        fixed=computing.fixed - LIBRARIES,
        per_voxel=round(computing.per_voxel * GPU_MARGIN),
        working_bytes=lambda tile: round(computing.working_bytes(tile) * GPU_MARGIN),
    )
    share = OnGpu(gpu.memory, there)
    if gpu.may_leave:
        each = computing.per_voxel + AHEAD
        return replace(computing, fixed=computing.fixed + CUDA, per_voxel=each, gpu=share)
    kept, decision = NORMALISED + AHEAD + computing.decision_bytes, computing.decision_bytes
    return Footprint(
        computing.fixed + CUDA,
        kept,
        channels=computing.channels,
        decision_bytes=decision,
        gpu=share,
        reaches=computing.reaches,
    )
