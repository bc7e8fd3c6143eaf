"""Antinodes unrolled: pictures of radius and angle, in which every ring is a line.

Each is sampled on copies of its own ellipse, from the middle to a little beyond the outline: where it lies,
how large and how long it is no longer matters, and a cut by the frame's edge is marked as one.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

RADII, ANGLES = 80, 64
"""Of a picture: eleven rings have seven radii each on the mean, and more where they are sparse."""
BEYOND = 1.25
"""The largest radius, in units of the outline's."""
FINER = 3
"""Places in a step of the angle, of which the mean is taken."""
USUAL = 32.0
"""Pixels: the mean half axis whose logarithm is 0."""
FAINT = 1e-3
"""Spread of brightness, as the network sees it, that is no more than noise of reading."""


def unrolled(frames: Tensor, which: Tensor, shapes: Tensor) -> Tensor:
    """Return pictures (N, 2, `RADII`, `ANGLES`) of brightness, with mean 0 and spread 1, and of what is seen.

    Parameters
    ----------
    frames : Tensor
        Shape (B, 1, Y, X), as the network sees them.
    which : Tensor
        Shape (N,): the frame that each antinode is in.
    shapes : Tensor
        Shape (N, 5), float32: x and y of the middle in pixels, and the ellipse as
        `medscience.models.antinode_maps.log_ellipse` writes it.
    """
    places = _places(shapes, frames.shape[3], frames.shape[2])
    seen = places.abs().amax(dim=1, keepdim=True) <= 1
    brightness = places.new_zeros(seen.shape)
    for frame in set(which.cpu().tolist()):
        mine = which == frame
        rows = places[mine].movedim(1, -1).flatten(0, 1)[None]
        found = grid_sample(frames[frame : frame + 1].float(), rows, align_corners=False)
        brightness[mine] = found.view(-1, *brightness.shape[1:])
    inside, total = _mean(seen.float()), _mean(brightness * seen)
    values, weight = total / inside.clamp_min(1e-6), inside / inside.sum((2, 3), keepdim=True).clamp_min(1e-6)
    away = values - (values * weight).sum((2, 3), keepdim=True)
    spread = (away.square() * weight).sum((2, 3), keepdim=True).sqrt()
    return torch.cat([away * inside / spread.clamp_min(FAINT), inside], dim=1)


def _mean(fine: Tensor) -> Tensor:
    """Return the mean of each step of the angle."""
    one, two, three = (fine[..., first::FINER] for first in range(FINER))
    return (one + two + three) / FINER


def _places(shapes: Tensor, width: int, height: int) -> Tensor:
    """Return x and y of the pictures' places, shape (N, 2, radii, angles), -1 and 1 at the frame's edges.

    The matrix that makes the unit circle an ellipse is the exponential of half its logarithm.
    """
    middle, (size, cos, sin) = shapes[:, :2], shapes[:, 2:].unbind(1)
    half = torch.hypot(cos, sin) / 2
    along = torch.where(half > 1e-4, torch.sinh(half) / half.clamp_min(1e-4), 1.0) / 2
    right = half.cosh() + along * cos, along * sin  # from right and up to x
    down = -along * sin, along * cos - half.cosh()
    matrix = torch.stack([*right, *down], dim=1).view(-1, 2, 2) * (USUAL * size.exp())[:, None, None]
    edges = 2 / torch.tensor([width, height]).to(shapes.device)
    first, steps = (middle + 0.5) * edges - 1, matrix * edges[:, None]
    places = torch.addmm(first.view(-1, 1), steps.view(-1, 2), _disc(shapes.device))
    return places.view(-1, 2, RADII, ANGLES * FINER)


def _disc(device: torch.device) -> Tensor:
    """Return how far to the right and up the places of the unit disc lie, shape (2, radii * angles)."""
    radius = BEYOND * (torch.arange(RADII, device=device)[:, None] + 0.5) / RADII
    turn = torch.arange(ANGLES * FINER, device=device) * (2 * math.pi / (ANGLES * FINER))
    return torch.stack([(radius * turn.cos()).ravel(), (radius * turn.sin()).ravel()])
