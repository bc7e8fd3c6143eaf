"""How long a prediction will take, from a piece of it."""

import time

import torch

from medscience.inference.engine import Engine
from medscience.inference.plan import Plan

SIDE = 64
"""Voxels along a side of the piece that is timed; smaller ones spend their time on beginnings and ends."""


@torch.inference_mode()
def seconds_per_voxel(engine: Engine) -> float:
    """Return how long the network takes for a voxel of a tile, measured on a piece, twice."""
    piece = torch.rand(1, 1, SIDE, SIDE, SIDE)
    engine.features(piece)[..., :1].cpu()
    begun = time.perf_counter()
    engine.features(piece)[..., :1].cpu()  # a GPU is done when something of it is here
    return (time.perf_counter() - begun) / piece.numel()


def predicted_seconds(plan: Plan, engine: Engine) -> float:
    """Return about how long the network will take for all blocks of a plan, shared among its workers."""
    return plan.computed / plan.workers * seconds_per_voxel(engine)
