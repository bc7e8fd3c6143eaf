"""What a network holds in memory, read off the network itself."""

from medscience.inference.decide import LOGITS
from medscience.inference.engine import Engine
from medscience.inference.plan import Footprint

LIBRARIES = 300 << 20
"""Bytes of a process that has imported torch and zarr and reads and writes shards; measured, rounded up."""

NORMALISED = 4
"""Bytes for each voxel of the normalised tile."""

MIRRORED = 12
"""Bytes of each feature beside those that are being computed: their sum, what was turned back, their mean."""

MARGIN = 1.02
"""What the allocator keeps beyond the tensors in use; measured, rounded up."""


def footprint(engine: Engine) -> Footprint:
    """Return what predicting with a network holds.

    Logits are decided slab by slab, so the number of classes does not count.
    """
    features = engine.features
    weights = sum(p.nbytes for p in engine.head.layer.parameters()) + features.weight_bytes
    held = features.channels * features.precision.itemsize + NORMALISED + engine.head.decision.itemsize
    if len(engine.mirrors) > 1:
        held += MIRRORED * engine.head.channels + len(engine.mirrors)
    return Footprint(
        LIBRARIES + 2 * LOGITS + 4 * weights,
        round(held * MARGIN),
        engine.head.channels,
        engine.head.decision.itemsize,
        features.working_bytes,
    )
