import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from medscience.models.dilated import Dilated, Pointwise

SIDES = st.tuples(*[st.integers(1, 9)] * 3)


def learned(layer, image):
    """What a layer gives, and all its gradients."""
    seen = image.clone().requires_grad_()
    found = layer(seen)
    (found**2).sum().backward()
    return [found.detach(), seen.grad, *(p.grad for p in layer.parameters())]


def plain(layer):
    """The same layer as PyTorch runs it."""
    twin = nn.Conv3d(
        layer.in_channels, layer.out_channels, layer.kernel_size, 1, layer.padding, layer.dilation
    ).double()
    twin.load_state_dict(layer.state_dict())
    return twin


@given(sides=SIDES, dilation=st.integers(1, 5), batch=st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_a_dilated_convolution_learns_what_the_plain_one_learns(sides, dilation, batch):
    layer = Dilated(2, 3, 3, padding=dilation, dilation=dilation).double()
    image = torch.randn(batch, 2, *sides, dtype=torch.float64)
    for mine, its in zip(learned(layer, image), learned(plain(layer), image), strict=True):
        assert_close(mine, its)


@given(sides=SIDES, batch=st.integers(1, 3))
@settings(deadline=None, max_examples=20)
def test_a_convolution_of_one_voxel_learns_what_the_plain_one_learns(sides, batch):
    layer = Pointwise(2, 3, 1).double()
    image = torch.randn(batch, 2, *sides, dtype=torch.float64)
    for mine, its in zip(learned(layer, image), learned(plain(layer), image), strict=True):
        assert_close(mine, its)


@pytest.mark.parametrize("layer", [Dilated(2, 3, 3, padding=2, dilation=2), Pointwise(2, 3, 1)])
def test_used_it_is_the_convolution_bit_by_bit(layer):
    image = torch.randn(1, 2, 6, 7, 8)
    assert torch.equal(layer.eval()(image), nn.Conv3d.forward(layer, image))
