"""Weights in the forms in which others publish them, made here with the names and shapes of theirs."""

import h5py
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.torch import save_file
from scipy.ndimage import correlate

from medscience.description import read_model
from medscience.errors import MedscienceError, ModelError
from medscience.ingest.fence import decoding
from medscience.models.converters.hdenseunet import from_keras, variables
from medscience.models.converters.keras import read_keras
from medscience.models.converters.torchvision import with_encoder
from medscience.models.hdenseunet import PUBLISHED, SMALL, HDenseUNet
from medscience.models.known_answer import check_model
from medscience.models.zoo import load, load_tensors
from medscience.networks import HDenseUNetArguments
from medscience.steps import models
from tests.models.nets import random_network

BN, SCALE = ("gamma", "beta", "moving_mean", "moving_variance"), ("gamma", "beta")


def published(slices, volume, classes=3):
    """Return the authors' layers as their script builds them: name to variables with their shapes."""
    layers = {}

    def conv(name, *shape, bias=False):
        layers[name] = {"kernel": shape} | ({"bias": shape[-1:]} if bias else {})

    def norm(name, channels):
        layers[f"{name}_bn"] = dict.fromkeys(BN, (channels,))
        layers[f"{name}_scale"] = dict.fromkeys(SCALE, (channels,))

    for before, dims, inputs, size in (("", 2, 3, slices), ("3d", 3, 1 + classes, volume)):
        one, three, seven = (1,) * dims, (3,) * dims, (7,) * dims
        growth, channels = size["growth"], size["stem"]
        conv(f"{before}conv1", *seven, inputs, channels)
        norm(f"{before}conv1", channels)
        for stage, count in enumerate(size["blocks"], start=2):
            for branch in range(1, count + 1):
                name = f"{before}conv{stage}_{branch}"
                norm(f"{name}_x1", channels)
                conv(f"{name}_x1", *one, channels, 4 * growth)
                norm(f"{name}_x2", 4 * growth)
                conv(f"{name}_x2", *three, 4 * growth, growth)
                channels += growth
            norm(f"{before}conv{stage}_blk", channels)
            if stage < 5:
                conv(f"{before}conv{stage}_blk", *one, channels, channels // 2)
                channels //= 2
        for n, wide in enumerate(size["up"]):
            conv(f"{before}conv_up{n}", *three, channels, wide, bias=True)
            layers[f"{before}bn_up{n}"] = dict.fromkeys(BN, (wide,))
            channels = wide
    conv("dense167classifer", 1, 1, channels, classes, bias=True)
    conv("fianl_conv", 3, 3, 3, channels, channels, bias=True)
    layers["final_bn"] = dict.fromkeys(BN, (channels,))
    conv("2d3dclassifer", 1, 1, 1, channels, classes, bias=True)
    return layers


LAYERS = published(SMALL["slices"], SMALL["volume"])
NAMES = {*LAYERS, "3dclassifer"}


def values(seed=0):
    """Random numbers for every variable: positive variances, kernels that keep the size of what they see."""
    random = np.random.default_rng(seed)

    def of(part, shape):
        if part == "kernel":
            return random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:-1]))
        return random.uniform(0.5, 1.5, shape)

    return {
        (layer, part): of(part, shape).astype(np.float32)
        for layer, parts in LAYERS.items()
        for part, shape in parts.items()
    }


def variable(layer, part):
    """The name of a variable in a layer's group; layers of the authors' own repeat their name."""
    return f"{layer}/{layer}_{part}:0" if layer.endswith("_scale") else f"{layer}/{part}:0"


FORMS = {"weights": "", "model": "model_weights/", "nested": "model_weights/auto3d_residual_conv/"}


def keras_file(path, arrays, form="weights"):
    """Write arrays as Keras does: the group of a layer holds what its variables are called in the graph."""
    with h5py.File(path, "w") as file:
        for (layer, part), array in arrays.items():
            group = f"{layer}/" if form != "nested" else ""
            file[f"{FORMS[form]}{group}{variable(layer, part)}"] = array
        if form != "weights":
            file["optimizer_weights/training/SGD/iterations:0"] = 7
    return path


def read(path):
    return read_keras(path, NAMES, decoding().call)


def converted(arrays):
    named = {f"{layer}/{part}": array for (layer, part), array in arrays.items()}
    return from_keras("weights.h5", named, HDenseUNet(**SMALL))


def test_the_layers_hold_as_many_numbers_as_the_published_ones():
    layers = published(PUBLISHED["slices"], PUBLISHED["volume"])
    sizes = [np.prod(shape) for parts in layers.values() for shape in parts.values()]
    assert sum(sizes) == 61_444_622
    with torch.device("meta"):
        network = HDenseUNet(**PUBLISHED)
    wanted = {part for _, parts in variables(network) for part in parts}
    assert wanted == {f"{layer}/{part}" for layer, parts in layers.items() for part in parts}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_file_is_read(form, tmp_path):
    arrays = values()
    found = read(keras_file(tmp_path / "weights.h5", arrays, form))
    assert found.keys() == {f"{layer}/{part}" for layer, part in arrays}
    for (layer, part), array in arrays.items():
        assert_array_equal(found[f"{layer}/{part}"], array)


def test_two_layers_of_normalisation_become_one():
    arrays = values(1)
    network = HDenseUNet(**SMALL).eval()
    network.load_state_dict({k: torch.from_numpy(np.asarray(v)) for k, v in converted(arrays).items()})
    for ours, theirs in (
        (network.slices.down.blocks[1][2].norm1, "conv3_3_x1"),
        (network.volume.down.transitions[0].norm, "3dconv2_blk"),
        (network.slices.down.norm5, "conv5_blk"),
    ):
        part = {name: arrays[f"{theirs}_bn", name].astype(np.float64) for name in BN}
        scale = {name: arrays[f"{theirs}_scale", name].astype(np.float64) for name in SCALE}
        x = np.random.default_rng(2).standard_normal((part["gamma"].size, 4))
        one = (x.T - part["moving_mean"]) / np.sqrt(part["moving_variance"] + 1.1e-5)
        two = (one * part["gamma"] + part["beta"]) * scale["gamma"] + scale["beta"]
        seen = torch.from_numpy(x.astype(np.float32)).reshape(
            1, *x.shape, *[1] * (3 if "3d" in theirs else 2)
        )
        with torch.inference_mode():
            found = ours(seen[..., 0])
        assert_allclose(found.numpy().reshape(x.shape).T, two, rtol=1e-5, atol=1e-5)


def test_kernels_keep_their_axes():
    """Theirs are (x, y, z, in, out) and correlate; our volumes are (z, x, y)."""
    arrays = values(3)
    weight = torch.from_numpy(converted(arrays)["fuse.weight"])
    kernel = arrays["fianl_conv", "kernel"][..., 0, 1].astype(np.float64)
    image = np.random.default_rng(4).standard_normal((5, 6, 7))
    seen = torch.from_numpy(image.transpose(2, 0, 1).copy())[None, None]
    found = torch.nn.functional.conv3d(seen, weight[1:2, :1].double(), padding=1)[0, 0].numpy()
    assert_allclose(found.transpose(1, 2, 0), correlate(image, kernel, mode="constant"), atol=1e-9)


def test_missing_and_extra_layers_are_all_named():
    arrays = values()
    del arrays["conv_up3", "bias"], arrays["3dconv2_blk_scale", "gamma"]
    arrays["conv9", "kernel"] = np.zeros((1, 1, 2, 2), np.float32)
    with pytest.raises(ModelError) as caught:
        converted(arrays)
    for words in (
        "conv_up3/bias is missing",
        "3dconv2_blk_scale/gamma is missing",
        "conv9/kernel is not part",
    ):
        assert words in caught.value.line


def test_a_layer_of_another_size_is_named():
    arrays = values()
    arrays["conv1", "kernel"] = np.zeros((7, 7, 1, 32), np.float32)
    with pytest.raises(ModelError, match=r"conv1/kernel makes slices\.down\.conv0\.weight"):
        converted(arrays)


def link(file):
    file["conv1/kernel:0"] = h5py.SoftLink("/conv2/kernel:0")


def elsewhere(file):
    file["conv1/kernel:0"] = h5py.ExternalLink("/etc/passwd", "/x")


def external(file):
    file.create_dataset("conv1/kernel:0", (4,), "f4", external=[("/etc/passwd", 0, 16)])


def filtered(file):
    file.create_dataset("conv1/kernel:0", data=np.zeros(9, np.float32), compression="gzip")


def virtual(file):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    file.create_virtual_dataset("conv1/kernel:0", layout)


def doubles(file):
    file["conv1/kernel:0"] = np.zeros(4)


def strings(file):
    file["conv1/kernel:0"] = "text"


def cycle(file):
    group = file.create_group("a")
    group["a"] = group


@pytest.mark.parametrize("fill", [link, elsewhere, external, filtered, virtual, doubles, strings, cycle])
def test_what_is_no_plain_array_is_refused(fill, tmp_path):
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        fill(file)
    with pytest.raises(MedscienceError) as caught:
        read(path)
    assert caught.value.code == "KERAS-UNKNOWN"
    assert caught.value.file == str(path)


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_a_damaged_file_is_refused(part, tmp_path):
    path = keras_file(tmp_path / "weights.h5", {("conv1", "kernel"): np.ones((7, 7, 3, 32), np.float32)})
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(MedscienceError):
        read(path)


def test_two_arrays_of_one_name_are_refused(tmp_path):
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file["a/conv1/kernel:0"] = file["b/conv1/kernel:0"] = np.zeros(4, np.float32)
    with pytest.raises(ModelError, match="two arrays"):
        read(path)


def test_a_published_file_becomes_a_model_that_gives_its_known_answer(tmp_path, monkeypatch):
    """The folded network in float32 against the one that is built, in float64."""
    monkeypatch.setattr("medscience.models.hdenseunet.PUBLISHED", SMALL)
    path = keras_file(tmp_path / "weights.h5", values(5))
    models.hdenseunet(path, "liver", tmp_path / "models", parity=True)
    model = tmp_path / "models" / "liver.yaml"
    assert check_model(model) < 1e-4
    arguments = read_model(model).network.arguments
    assert isinstance(arguments, HDenseUNetArguments)
    assert arguments.edges == "duplicated"
    assert load(model)[0].output.thresholds == (0.5, 0.9)


def imagenet(network, *, old):
    """Return the state dict of torchvision, for an encoder of the network's size."""
    names = {}
    for name, value in network.slices.down.state_dict().items():
        part = name.split(".")
        if part[0] == "blocks":
            kind = f"{part[3][:-1]}.{part[3][-1]}" if old else part[3]
            theirs = f"denseblock{int(part[1]) + 1}.denselayer{int(part[2]) + 1}.{kind}.{part[4]}"
        elif part[0] == "transitions":
            theirs = f"transition{int(part[1]) + 1}.{part[2]}.{part[3]}"
        else:
            theirs = name
        if not (old and name.endswith("num_batches_tracked")):
            names[f"features.{theirs}"] = torch.full_like(value, 7)
    return names | {"classifier.weight": torch.zeros(1000, 186), "classifier.bias": torch.zeros(1000)}


@pytest.mark.parametrize("old", [False, True])
def test_the_encoder_of_imagenet_goes_to_its_place_and_nowhere_else(old, tmp_path):
    network = random_network()
    path = tmp_path / "densenet161.safetensors"
    save_file(imagenet(network, old=old), path)
    found = with_encoder(path, load_tensors(path), network)
    network.load_state_dict(found, strict=True)
    for name, value in found.items():
        if name.endswith(("weight", "bias", "running_mean", "running_var")):
            assert bool((value == 7).all()) == name.startswith("slices.down.")


def test_a_missing_and_an_extra_tensor_of_the_encoder_are_named():
    network = random_network()
    tensors = imagenet(network, old=False)
    tensors["features.extra"] = tensors.pop("features.conv0.weight")
    with pytest.raises(ModelError) as caught:
        with_encoder("x.safetensors", tensors, network)
    assert "slices.down.conv0.weight is missing" in caught.value.line
    assert "slices.down.extra is not part" in caught.value.line
