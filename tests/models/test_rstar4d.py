"""The network against its published counts, its laws, and a slow one written with loops."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from medscience.models.rstar4d import RSTAR4D, opened
from medscience.models.separable import Down, Separable, Trio, Up

PARTS = {
    "encode.0.down": 1_088,
    "encode.0.refine.first": 7_776,
    "encode.0.refine.second": 7_776,
    "encode.1.down": 7_744,
    "encode.1.refine.first": 30_912,
    "encode.1.refine.second": 30_912,
    "encode.2.down": 30_848,
    "encode.2.refine.first": 123_264,
    "encode.2.refine.second": 123_264,
    "encode.3.down": 123_136,
    "encode.3.refine.first": 492_288,
    "encode.3.refine.second": 492_288,
    "decode.0.up": 184_704,
    "decode.0.refine.first": 184_704,
    "decode.0.refine.second": 123_264,
    "decode.1.up": 46_272,
    "decode.1.refine.first": 46_272,
    "decode.1.refine.second": 30_912,
    "decode.2.up": 11_616,
    "decode.2.refine.first": 11_616,
    "decode.2.refine.second": 7_776,
    "last": 261,
}
"""Parameters of each block of the published network."""


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def small(stage, levels=3, seed=1):
    torch.manual_seed(seed)
    return RSTAR4D(width=4, levels=levels, stage=stage).double()


def test_every_part_has_as_many_parameters_as_published():
    network = RSTAR4D()
    found = {name: sum(p.numel() for p in network.get_submodule(name).parameters()) for name in PARTS}
    assert found == PARTS
    assert sum(found.values()) == sum(p.numel() for p in network.parameters()) == 2_118_693
    assert len(network.state_dict()) == 232


@pytest.mark.parametrize("kind, published", [("xy", 1_269_515), ("t", 391_829), ("z", 457_349)])
def test_every_direction_has_as_many_parameters_as_published(kind, published):
    named = RSTAR4D().named_parameters()
    assert sum(p.numel() for name, p in named if f".{kind}." in name) == published


@pytest.mark.parametrize("stage, learning", [(1, 1_661_344), (2, 2_118_693)])
def test_the_first_stage_leaves_the_convolutions_along_z_alone(stage, learning):
    network = RSTAR4D(stage=stage)
    network(torch.randn(1, 2, 2, 2, 8, 8)).sum().backward()
    assert sum(p.numel() for p in network.parameters() if p.grad is not None) == learning


def test_opened_along_z_it_gives_twice_what_the_first_stage_makes_of_every_second_slice():
    flat = small(stage=1)
    image = drawn(1, 2, 3, 6, 8, 12)
    with torch.inference_mode():
        planes, volume = flat(image), opened(flat)(image)
    for k in range(0, 6, 2):
        assert_close(volume[:, :, :, k], planes[:, :, :, k], rtol=0, atol=1e-14)
        assert_close(volume[:, :, :, k + 1], planes[:, :, :, k], rtol=0, atol=1e-14)


@pytest.mark.parametrize("stage", [1, 2])
@pytest.mark.parametrize("phases", [1, 2, 5])
def test_phases_that_are_rolled_give_what_is_rolled(stage, phases):
    network = small(stage)
    image = drawn(1, 2, phases, 4, 8, 8)
    image[:, 1] = image[:, 1, :1].clone()  # the image of all phases is the same for all of them
    with torch.inference_mode():
        for step in range(phases):
            rolled = network(torch.roll(image, step, dims=2))
            assert_close(rolled, torch.roll(network(image), step, dims=2), rtol=0, atol=1e-13)


def test_it_looks_as_far_as_published():
    """119 voxels in the plane and 78 along z, from the voxel of a cell that is worst off."""
    network = RSTAR4D(width=1).double()
    for name, parameter in network.named_parameters():
        torch.nn.init.constant_(parameter, 0.0 if name.endswith("bias") else 1.0 / parameter[0].numel())

    def reached(shape, axis, at):
        image = torch.zeros(1, 2, *shape, dtype=torch.float64)
        image[0, 0].select(axis, at)[..., 0] = 1.0
        with torch.inference_mode():
            found = network(image)[0, 0]
        others = tuple(n for n in range(4) if n != axis)
        places = found.abs().sum(dim=others).nonzero().flatten() - at
        return max(-int(places.min()), int(places.max()))

    assert max(reached((1, 2, 8, 320), 3, 160 + n) for n in range(8)) == 119
    assert max(reached((1, 200, 8, 8), 1, 100 + n) for n in range(2)) == 78


def dense(image, trio):
    """A trio as one convolution with a kernel of 3 x 3 x 3 x 3, voxel by voxel."""
    xy, z, t = (part.weight.detach().numpy() for part in (trio.xy, trio.z, trio.t))
    kernel = np.zeros((*xy.shape[:2], 3, 3, 3, 3))  # C', C, T, Z, Y, X
    kernel[:, :, 1, 1] += xy[:, :, 0]
    if not trio.flat:
        kernel[:, :, 1, :, 1, 1] += z[:, :, 0, :, 0]
    kernel[:, :, :, 1, 1, 1] += t[:, :, :, 0, 0]
    bias = trio.xy.bias + trio.t.bias + (0 if trio.flat else trio.z.bias)
    padded = np.pad(image, [(0, 0), (1, 1), (0, 0), (0, 0), (0, 0)], mode="wrap")
    padded = np.pad(padded, [(0, 0), (0, 0), (1, 1), (0, 0), (0, 0)], mode="edge")
    padded = np.pad(padded, [(0, 0), (0, 0), (0, 0), (1, 1), (1, 1)])
    found = np.empty((len(kernel), *image.shape[1:]))
    for t, z, y, x in np.ndindex(image.shape[1:]):
        window = padded[:, t : t + 3, z : z + 3, y : y + 3, x : x + 3]
        found[:, t, z, y, x] = np.tensordot(kernel, window, 5) + bias.detach().numpy()
    return found


def activated(values):
    return np.where(values > 0, values, 0.2 * values)


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("shape", [(3, 2, 4, 5), (1, 1, 2, 2), (2, 3, 3, 2)])
def test_a_separable_block_is_two_dense_convolutions_and_an_activation(flat, shape):
    torch.manual_seed(2)
    block = Separable(2, 3, flat=flat).double()
    image = drawn(2, *shape)
    expected = activated(dense(dense(image.numpy(), block.first), block.second))
    assert_close(block(image[None])[0].detach(), torch.from_numpy(expected))


def test_the_last_block_has_no_activation_and_stands_every_slice_twice():
    torch.manual_seed(3)
    block = Up(2, 1, (2, 1), activate=False).double()
    image = drawn(2, 3, 2, 3, 4)
    twice = np.repeat(image.numpy(), 2, axis=2)
    expected = dense(dense(twice, block.block.first), block.block.second)
    assert_close(block(image[None])[0].detach(), torch.from_numpy(expected))


def test_a_block_on_the_way_up_stands_every_voxel_four_times():
    torch.manual_seed(3)
    block = Up(2, 1, (1, 2)).double()
    image = drawn(2, 3, 2, 3, 4)
    more = image.numpy().repeat(2, axis=3).repeat(2, axis=4)
    expected = activated(dense(dense(more, block.block.first), block.block.second))
    assert_close(block(image[None])[0].detach(), torch.from_numpy(expected))


@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (1, 2)])
def test_a_strided_block_is_a_plane_then_a_line_then_an_activation(stride):
    torch.manual_seed(4)
    part = Down(2, 3, stride).double()
    image = drawn(2, 2, 4, 6, 4)
    plane, line = Trio(2, 3).double(), Trio(3, 3).double()
    for parameter in (*plane.parameters(), *line.parameters()):
        torch.nn.init.zeros_(parameter)
    plane.xy, line.z = part.xy, part.z
    values = dense(dense(image.numpy(), plane), line)  # at every voxel: strides only leave some out
    expected = activated(values)[:, :, :: stride[0], :: stride[1], :: stride[1]]
    assert_close(part(image[None])[0].detach(), torch.from_numpy(expected))
