"""Published weights, made here in the published form; the real ones are in tests/samples."""

import json
from itertools import product

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from medscience.description import read_model
from medscience.errors import ModelError
from medscience.models.converters.brainchop import read_brainchop
from medscience.models.known_answer import check_model
from medscience.models.save import save_model
from medscience.models.zoo import load
from medscience.networks import MeshNetArguments

CHANNELS, CLASSES, DILATIONS = 3, 4, (1, 4, 2)


def keras_layer(kind, name, previous, **config):
    nodes = [[[previous, 0, 0, {}]]] if previous else []
    return {
        "class_name": kind,
        "name": name,
        "config": {"name": name, **config},
        "inbound_nodes": nodes,
    }


def publish(folder, *, activation="elu", normalized=False, bias=True, classes=CLASSES):
    """Write a small model in brainchop's form."""
    random = np.random.default_rng(0)
    layers, entries, arrays = [keras_layer("InputLayer", "input", None)], [], []
    previous, width = "input", 1
    for n, dilation in enumerate((*DILATIONS, 1)):
        last = n == len(DILATIONS)
        name = "output" if last else f"conv{n}_gn" if normalized else f"conv{n}"
        side, out = (1, classes) if last else (3, CHANNELS)
        parts = {"kernel": (side, side, side, width, out), "bias": (out,)}
        if not (last or bias):
            del parts["bias"]
        layers.append(
            keras_layer(
                "Conv3D",
                name,
                previous,
                kernel_size=[side] * 3,
                strides=[1, 1, 1],
                dilation_rate=[dilation] * 3,
                padding="same",
                data_format="channels_last",
                activation="linear",
                use_bias="bias" in parts,
            )
        )
        previous = name
        if not last:
            layers.append(keras_layer("Activation", f"act{n}", name, activation=activation))
            previous = f"act{n}"
        for part, shape in parts.items():
            arrays.append(random.standard_normal(shape).astype("<f4"))
            entries.append({"name": f"{name}/{part}", "shape": list(shape), "dtype": "float32"})
        width = out
    content = b"".join(array.tobytes() for array in arrays)
    (folder / "a.bin").write_bytes(content[:100])
    (folder / "b.bin").write_bytes(content[100:])
    model = {
        "format": "layers-model",
        "modelTopology": {"model_config": {"config": {"layers": layers}}},
        "weightsManifest": [{"paths": ["a.bin", "b.bin"], "weights": entries}],
    }
    colors = {channel: list(range(classes)) for channel in "RGB"}
    (folder / "colormap.json").write_text(
        json.dumps(colors | {"labels": [f"tissue {n}" for n in range(classes)]})
    )
    (folder / "model.json").write_text(json.dumps(model))
    return folder


@pytest.fixture
def published(tmp_path):
    return publish(tmp_path)


def edit(folder, change):
    path = folder / "model.json"
    model = json.loads(path.read_text())
    change(model)
    path.write_text(json.dumps(model))


def layer(model, name):
    layers = model["modelTopology"]["model_config"]["config"]["layers"]
    return next(entry for entry in layers if entry["name"] == name)


def test_the_network_computes_what_the_published_arrays_say(published, tmp_path):
    found = read_brainchop(published)
    path = save_model(tmp_path / "models", found.description("m", None), found.tensors(), found.convolutions)
    assert check_model(path) < 1e-6
    model, network = load(path)
    assert model.network.arguments.dilations == DILATIONS
    # convolution of an impulse, worked out from the published kernel alone: Keras correlates
    kernel = found.convolutions[0].kernel
    image = torch.zeros(1, 1, 5, 5, 5)
    image[0, 0, 2, 2, 2] = 1
    with torch.inference_mode():
        first = network.features[0](image)[0].numpy() - found.convolutions[0].bias[:, None, None, None]
    expected = np.moveaxis(kernel[::-1, ::-1, ::-1, 0], -1, 0)
    assert_allclose(first[:, 1:4, 1:4, 1:4], expected, atol=1e-6)


FORMS = list(product(("relu", "elu", "gelu"), (True, False), (True, False)))


@pytest.mark.parametrize("activation, normalized, bias", FORMS)
def test_every_form_of_the_family_is_converted(activation, normalized, bias, tmp_path):
    found = read_brainchop(publish(tmp_path, activation=activation, normalized=normalized, bias=bias))
    norm = "instance" if normalized else "none"
    assert found.arguments == MeshNetArguments(
        channels=CHANNELS,
        classes=CLASSES,
        dilations=DILATIONS,
        activation=activation,
        norm=norm,
        bias=bias,
    )
    path = save_model(tmp_path / "models", found.description("m", None), found.tensors(), found.convolutions)
    assert check_model(path) < 1e-5
    _, network = load(path)
    assert any(isinstance(layer, torch.nn.InstanceNorm3d) for layer in network.features) == normalized


@pytest.mark.parametrize("classes", [2, 104])
def test_as_many_labels_as_classes_arrive(classes, tmp_path):
    found = read_brainchop(publish(tmp_path, classes=classes))
    assert [label.value for label in found.labels] == list(range(classes))
    assert found.arguments.classes == classes


def test_labels_colours_axes_and_rule_arrive(published, tmp_path):
    found = read_brainchop(published)
    path = save_model(tmp_path / "models", found.description("m", None), found.tensors(), found.convolutions)
    model = read_model(path)
    assert [label.name for label in model.output.labels] == [f"tissue {n}" for n in range(CLASSES)]
    assert model.output.labels[2].color == (2, 2, 2)
    assert (model.input.axes, model.input.normalize) == ("LIA", "minmax")
    assert model.license == "MIT"


@pytest.mark.parametrize(
    "comment, rule",
    [
        (
            "Normalize the data for this model with min = 5% quantile, max = 95% quantile",
            "quantile-5-95",
        ),
        ("trained on 6,000 T1 scans, OneCycle", "minmax"),
    ],
)
def test_the_rule_is_the_one_in_the_models_own_comment(comment, rule, published):
    edit(published, lambda model: model.update(_comment=comment))
    assert read_brainchop(published).normalize == rule


def test_a_rule_that_is_not_known_is_refused(published):
    edit(published, lambda model: model.update(_comment="min = 1% quantile, max = 99% quantile"))
    with pytest.raises(ModelError, match="quantile-1-99"):
        read_brainchop(published)


def test_the_colour_map_with_as_many_labels_as_classes_is_taken(published):
    (published / "colormap3.json").write_bytes((published / "colormap.json").read_bytes())
    (published / "colormap.json").write_text(json.dumps({"R": [0], "G": [0], "B": [0], "labels": ["x"]}))
    assert len(read_brainchop(published).labels) == CLASSES


REFUSED = {
    "mixed norms": ("conv1_gn", lambda m: _rename(m, "conv1", "conv1_gn")),
    "normalised head": ("output_gn", lambda m: _rename(m, "output", "output_gn")),
    "swish": ("act0", lambda m: layer(m, "act0")["config"].update(activation="swish")),
    "approximate gelu": ("act1", lambda m: layer(m, "act1")["config"].update(activation="gelu_new")),
    "group normalisation": ("act0", lambda m: layer(m, "act0").update(class_name="GroupNormalization")),
    "batch normalisation": ("act1", lambda m: layer(m, "act1").update(class_name="BatchNormalization")),
    "transposed": ("conv1", lambda m: layer(m, "conv1").update(class_name="Conv3DTranspose")),
    "mixed activations": ("conv1", lambda m: layer(m, "act1")["config"].update(activation="relu")),
    "stride": ("conv1", lambda m: layer(m, "conv1")["config"].update(strides=[2, 2, 2])),
    "valid padding": ("conv1", lambda m: layer(m, "conv1")["config"].update(padding="valid")),
    "a bias too many": ("conv1", lambda m: layer(m, "conv1")["config"].update(use_bias=False)),
    "a bias too few": ("conv1", lambda m: _without_bias(m, "conv1", use_bias=True)),
    "mixed biases": ("conv1", lambda m: _without_bias(m, "conv1", use_bias=False)),
    "no bias at the head": ("output", lambda m: _without_bias(m, "output", use_bias=False)),
    "weights of no layer": ("other/kernel", lambda m: _add_weights(m, "other/kernel")),
    "groups": ("conv1", lambda m: layer(m, "conv1")["config"].update(groups=3)),
    "unequal dilation": (
        "conv1",
        lambda m: layer(m, "conv1")["config"].update(dilation_rate=[1, 2, 2]),
    ),
    "pooling": ("act0", lambda m: layer(m, "act0").update(class_name="MaxPooling3D")),
    "a branch": ("conv2", lambda m: layer(m, "conv2").update(inbound_nodes=[[["act0", 0, 0, {}]]])),
    "softmax at the end": (
        "soft",
        lambda m: m["modelTopology"]["model_config"]["config"]["layers"].append(
            keras_layer("Activation", "soft", "output", activation="softmax")
        ),
    ),
    "quantized": (
        "conv0/kernel",
        lambda m: m["weightsManifest"][0]["weights"][0].update(quantization={"dtype": "uint8"}),
    ),
    "half precision": (
        "conv0/kernel",
        lambda m: m["weightsManifest"][0]["weights"][0].update(dtype="float16"),
    ),
    "a file elsewhere": (
        "weightsManifest.paths",
        lambda m: m["weightsManifest"][0].update(paths=["../a.bin", "b.bin"]),
    ),
    "too few bytes": ("output", lambda m: m["weightsManifest"][0].update(paths=["a.bin"])),
    "too many bytes": (
        "b.bin",
        lambda m: m["weightsManifest"][0].update(paths=["a.bin", "b.bin", "b.bin"]),
    ),
}


def _rename(model, old, new):
    text = json.dumps(model).replace(f'"{old}"', f'"{new}"').replace(f'"{old}/', f'"{new}/')
    model.clear()
    model.update(json.loads(text))


def _without_bias(model, name, *, use_bias):
    """Take a layer's bias out of the manifest, leaving its bytes to an array that no layer has."""
    layer(model, name)["config"].update(use_bias=use_bias)
    entries = model["weightsManifest"][0]["weights"]
    index = next(n for n, entry in enumerate(entries) if entry["name"] == f"{name}/bias")
    entries[index] = {"name": "conv0/unused", "shape": entries[index]["shape"], "dtype": "float32"}


def _add_weights(model, name):
    model["weightsManifest"][0]["weights"].append({"name": name, "shape": [0], "dtype": "float32"})


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_understood_is_refused_and_named(case, published):
    name, change = REFUSED[case]
    edit(published, change)
    with pytest.raises(ModelError) as fault:
        read_brainchop(published)
    if case != "too few bytes":
        assert name in fault.value.line.split("expected")[0]


@pytest.mark.parametrize("name", ["model.json", "colormap.json", "b.bin"])
def test_a_missing_file_is_named(name, published):
    (published / name).unlink()
    with pytest.raises(ModelError, match=name):
        read_brainchop(published)


def test_nothing_is_taken_from_json_that_is_no_model(published):
    (published / "model.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match=r"model\.json"):
        read_brainchop(published)


def test_tensors_are_the_published_arrays_with_axes_moved(published):
    found = read_brainchop(published)
    kernel = found.convolutions[1].kernel
    weight = found.tensors()["features.2.weight"]
    assert weight[2, 1, 0, 1, 2] == kernel[0, 1, 2, 1, 2]
    assert_array_equal(weight.shape, (CHANNELS, CHANNELS, 3, 3, 3))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("modelTopology"),
        lambda m: m.pop("weightsManifest"),
        lambda m: m["weightsManifest"][0].pop("paths"),
        lambda m: m["weightsManifest"][0]["weights"][0].update(shape="cube"),
        lambda m: m["weightsManifest"][0]["weights"][0].update(shape=[-1, 3]),
        lambda m: m["modelTopology"]["model_config"]["config"].update(layers=[]),
        lambda m: m["modelTopology"]["model_config"]["config"].update(layers={"a": 1}),
        lambda m: layer(m, "conv1").pop("class_name"),
        lambda m: layer(m, "conv1").update(config=None),
        lambda m: layer(m, "conv1").update(inbound_nodes=[[[]]]),
    ],
)
def test_json_of_another_form_is_one_typed_error(change, published):
    edit(published, change)
    with pytest.raises(ModelError, match="BRAINCHOP"):
        read_brainchop(published)


def test_colours_out_of_range_are_refused(published):
    content = json.loads((published / "colormap.json").read_text())
    content["R"][1] = 300
    (published / "colormap.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match="BRAINCHOP"):
        read_brainchop(published)
