"""Weights in the form of the published notebooks."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import interpolate
from torch.testing import assert_close

from medscience.errors import ModelError
from medscience.models.converters.rstar import read_rstar
from medscience.models.known_answer import check_model
from medscience.models.rstar4d import RSTAR4D
from medscience.models.zoo import load_restoring
from medscience.steps.models import rstar

WAYS = {(1, 3, 3): ("xy", "zeros"), (1, 3, 1): ("z", "replicate"), (3, 1, 1): ("t", "circular")}


def separable(before, after):
    """The tensors of a separable block, by their published names: two trios, plane, z and t."""
    for width, again in ((before, ""), (after, "_2")):
        for number, kernel in enumerate(WAYS, start=1):
            yield f"conv{number}{again}", (after, width, *kernel)


def published(prefix="", seed=0):
    """A state as the notebooks save it: 116 convolutions with the published widths."""
    shapes = {}
    widths = (2, 16, 32, 64, 128)
    for n in (1, 2, 3, 4):
        before, after = widths[n - 1], widths[n]
        shapes[f"conv{n}.conv1"] = (after, before, 1, 3, 3)
        shapes[f"conv{n}.conv2"] = (after, after, 1, 3, 1)
        for part in (2, 3):
            shapes |= {f"conv{n}_{part}.{name}": shape for name, shape in separable(after, after)}
    for n, after in ((5, 64), (6, 32), (7, 16)):
        for name, width in ((f"conv{n}.conv", 2 * after), (f"conv{n}_2", 2 * after), (f"conv{n}_3", after)):
            shapes |= {f"{name}.{key}": shape for key, shape in separable(width, after)}
    shapes |= {f"conv8.conv.{key}": shape for key, shape in separable(16, 1)}
    random = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        state[f"{prefix}{name}.weight"] = 0.1 * torch.randn(shape, generator=random)
        state[f"{prefix}{name}.bias"] = 0.1 * torch.randn(shape[0], generator=random)
    return state


class Written:
    """The published network once more, straight from its description, on published names."""

    def __init__(self, state):
        self.state = state

    def convolve(self, image, name, stride=(1, 1, 1)):
        weight = self.state[f"{name}.weight"]
        kernel = tuple(weight.shape[2:])
        _, mode = WAYS[kernel]
        padding = tuple(n // 2 for n in kernel)
        layer = nn.Conv3d(weight.shape[1], len(weight), kernel, stride, padding, padding_mode=mode)
        layer.load_state_dict({"weight": weight, "bias": self.state[f"{name}.bias"]})
        b, c, t, z, y, x = image.shape
        if kernel == (1, 3, 3):
            found = layer(image.reshape(b, c, t * z, y, x))
            return found.reshape(b, -1, t, z, *found.shape[-2:])
        found = layer(image.reshape(b, c, t, z, y * x))
        return found.reshape(b, -1, t, found.shape[3], y, x)

    def down(self, image, n, along_z, in_plane):
        plane = self.convolve(image, f"conv{n}.conv1", (1, in_plane, in_plane))
        return nn.functional.leaky_relu(self.convolve(plane, f"conv{n}.conv2", (1, along_z, 1)), 0.2)

    def block(self, image, name, slope=0.2):
        for again in ("", "_2"):
            image = sum(self.convolve(image, f"{name}.conv{n}{again}") for n in (1, 2, 3))
        return nn.functional.leaky_relu(image, slope)

    def up(self, image, n, scale, slope=0.2):
        _, c, t, *_ = image.shape
        larger = interpolate(image.flatten(1, 2), scale_factor=scale, mode="nearest").unflatten(1, (c, t))
        return self.block(larger, f"conv{n}.conv", slope)

    def __call__(self, x):
        kept = []
        for n, along_z, in_plane in ((1, 2, 1), (2, 1, 2), (3, 1, 2), (4, 1, 2)):
            x = self.down(x, n, along_z, in_plane)
            x = self.block(self.block(x, f"conv{n}_2"), f"conv{n}_3") + x
            kept.append(x)
        kept.pop()
        for n in (5, 6, 7):
            x = self.up(x, n, (1, 2, 2))
            both = torch.cat([x, kept.pop()], dim=1)
            x = self.block(self.block(both, f"conv{n}_2"), f"conv{n}_3") + x
        return self.up(x, 8, (2, 1, 1), slope=1.0)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_published_weights_compute_what_the_description_says(tmp_path, prefix):
    state = published(prefix)
    save_file(state, tmp_path / "rstar.safetensors")
    rstar(tmp_path / "rstar.safetensors", name="published", into=tmp_path)
    model, network = load_restoring(tmp_path / "published.yaml")
    assert model.weights.parameters == 2_118_693
    assert check_model(tmp_path / "published.yaml") < 1e-4
    image = torch.randn(1, 2, 3, 4, 8, 16, generator=torch.Generator().manual_seed(1))
    plain = {name.removeprefix(prefix): value for name, value in state.items()}
    with torch.inference_mode():
        expected = Written(plain)(image)
        assert_close(network(image), expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_every_tensor_has_its_place(tmp_path):
    save_file(published(), tmp_path / "rstar.safetensors")
    found = read_rstar(tmp_path / "rstar.safetensors")
    assert {name: value.shape for name, value in found.items()} == {
        name: tuple(value.shape) for name, value in RSTAR4D().state_dict().items()
    }


def test_a_pickle_is_never_opened(tmp_path):
    (tmp_path / "checkpoints_Tetris2.pth").write_bytes(b"whatever it holds")
    with pytest.raises(ModelError, match=r"RSTAR-UNKNOWN.*a pickle, which can run code"):
        read_rstar(tmp_path / "checkpoints_Tetris2.pth")


@pytest.mark.parametrize(
    "name, new",
    [
        ("conv4_2.conv3.weight", "conv4_4.conv3.weight"),
        ("conv8.conv.conv1.bias", "conv8_2.conv1.bias"),
        ("conv4.conv2.bias", "conv5.conv2.bias"),
        ("conv1.conv1.weight", "conv1.conv3.weight"),
    ],
)
def test_a_name_of_another_network_is_refused(tmp_path, name, new):
    state = published()
    state[new] = state.pop(name)
    save_file(state, tmp_path / "rstar.safetensors")
    with pytest.raises(ModelError, match=f"RSTAR-UNKNOWN.*{new}"):
        read_rstar(tmp_path / "rstar.safetensors")


def test_a_tensor_of_another_shape_is_refused_by_name(tmp_path):
    state = published()
    state["conv6_2.conv2.weight"] = torch.zeros(32, 64, 3, 1, 1)
    save_file(state, tmp_path / "rstar.safetensors")
    with pytest.raises(ModelError, match=r"decode\.1\.refine\.first\.first\.z\.weight has the shape"):
        rstar(tmp_path / "rstar.safetensors", name="wrong", into=tmp_path)
