"""Group I: weights and model files."""

import json
import pickle
import struct
import tarfile
import zipfile
from functools import partial

import numpy as np
import torch
import yaml
from safetensors.numpy import load_file, save

from medscience.description import file_sha256
from medscience.models.zoo import load
from medscience.steps.models import brainchop
from medscience.steps.predict import predict
from medscience.testing.phantoms import orientations
from tests.bad.warned import warned_of
from tests.conftest import save_tiny_model
from tests.store.conftest import write as write_store


class Payload:
    """What runs a command when it is unpickled."""

    def __reduce__(self):
        raise_if_run = ("raise SystemExit('executed')",)
        return exec, raise_if_run


def loading(model):
    """Return an attempt that loads a model as `medscience predict` does, and gives what that tells of."""

    return partial(warned_of, load, model)


def weights(folder, content):
    """Put other bytes in the place of the weights, with a model file that names their digest."""
    model = save_tiny_model(folder / "models")
    file = model.with_suffix(".safetensors")
    file.write_bytes(content if isinstance(content, bytes) else content(file))
    return described(model, lambda card: card["weights"].update(sha256=file_sha256(file)))


def swapped(folder, content):
    """Put other bytes in the place of the weights that the model file names."""
    model = save_tiny_model(folder / "models")
    file = model.with_suffix(".safetensors")
    file.write_bytes(content(file.read_bytes()))
    return loading(model)


def described(model, change):
    """Change a model file."""
    card = yaml.safe_load(model.read_text("utf-8"))
    change(card)
    model.write_text(yaml.safe_dump(card), "utf-8")
    return loading(model)


def tensors(folder, change):
    """Change the tensors of the weights."""

    def changed(file):
        arrays = load_file(file)
        change(arrays)
        return save(arrays)

    return weights(folder, changed)


def crafted(folder, header, data=bytes(12), length=None):
    """Write a safetensors file by hand."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return weights(folder, struct.pack("<Q", len(text) if length is None else length) + text + data)


def entry(*shape, dtype="F32", offsets=(0, 12)):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def saved_by_torch(folder, content):
    path = folder / "saved.pt"
    torch.save(content, path)
    found = path.read_bytes()
    path.unlink()
    return weights(folder, found)


def pickle_payload(folder):
    return weights(folder, pickle.dumps(Payload()))


def torch_payload(folder):
    return saved_by_torch(folder, {"head.bias": Payload()})


def nnunet_checkpoint(folder):
    return saved_by_torch(folder, {"network_weights": {}, "current_epoch": np.float64(1)})


def exported_program(folder):
    """A .pt2 file is an archive whose parts are pickles."""
    path = folder / "program.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("program/archive_format", "pt2")
        archive.writestr("program/data/weights/weight_0", pickle.dumps(Payload()))
    found = path.read_bytes()
    path.unlink()
    return weights(folder, found)


def onnx_with_data_elsewhere(folder):
    return weights(folder, b"\x08\x08\x12\x07pytorch:\x1alocation\x12\x0b/etc/passwd")


def empty(folder):
    return weights(folder, b"")


def cut(part):
    """Return a factory of weights of which only a part is there."""
    return lambda folder: weights(folder, lambda file: file.read_bytes()[: int(part * file.stat().st_size)])


cut_30, cut_70, cut_99 = cut(0.3), cut(0.7), cut(0.99)


def flipped_bit(folder):
    return swapped(folder, lambda content: content[:-1] + bytes([content[-1] ^ 1]))


def another_file(folder):
    return swapped(folder, lambda content: content + b"\0")


def no_weights(folder):
    model = save_tiny_model(folder / "models")
    model.with_suffix(".safetensors").unlink()
    return loading(model)


def larger_than_the_file(folder):
    return crafted(folder, {"a": entry(10**10, offsets=(0, 4 * 10**10))})


def missing_tensor(folder):
    return tensors(folder, lambda arrays: arrays.pop("head.bias"))


def extra_tensor(folder):
    return tensors(folder, lambda arrays: arrays.update(extra=np.zeros(1, np.float32)))


def misshapen_tensor(folder):
    return tensors(folder, lambda arrays: arrays.update({"head.bias": np.zeros(9, np.float32)}))


def nan(folder):
    return tensors(folder, lambda arrays: arrays.update({"head.bias": np.full(3, np.nan, np.float32)}))


def infinity(folder):
    return tensors(folder, lambda arrays: arrays.update({"head.bias": np.full(3, np.inf, np.float32)}))


def whole_numbers(folder):
    return tensors(folder, lambda arrays: arrays.update({"head.bias": np.zeros(3, np.int64)}))


def half_precision(folder):
    """Narrower than the network: read exactly, and told of."""
    return tensors(
        folder, lambda arrays: arrays.update({name: a.astype(np.float16) for name, a in arrays.items()})
    )


def huge_header(folder):
    return crafted(folder, {}, length=1 << 40)


def header_past_the_end(folder):
    return crafted(folder, {}, b"", length=100)


def overlap(folder):
    return crafted(folder, {"a": entry(2, offsets=(0, 8)), "b": entry(2, offsets=(4, 12))})


def hole(folder):
    return crafted(folder, {"a": entry(1, offsets=(0, 4)), "b": entry(1, offsets=(8, 12))})


def wrong_shape(folder):
    return crafted(folder, {"a": entry(4)})


def negative_shape(folder):
    return crafted(folder, {"a": entry(-3, -1)})


def trailing_bytes(folder):
    return crafted(folder, {"a": entry(3)}, bytes(13))


def tensor_twice(folder):
    one = json.dumps(entry(3))
    return crafted(folder, f'{{"a": {one}, "a": {one}}}'.encode())


def unknown_dtype(folder):
    return crafted(folder, {"a": entry(3, dtype="F31")})


def not_json(folder):
    return crafted(folder, b"[" * 100_000)


def too_few_labels(folder):
    return described(save_tiny_model(folder), lambda card: card.update(output={"labels": []}))


def swapped_labels(folder):
    def swap(card):
        one, other = card["output"]["labels"][1:]
        one["name"], other["name"] = other["name"], one["name"]

    return described(save_tiny_model(folder), swap)


def without(key):
    """Return a factory of a model file that does not say how its input has to be."""
    return lambda folder: described(save_tiny_model(folder), lambda card: card["input"].pop(key))


no_spacing, no_axes, no_intensity = without("spacing"), without("axes"), without("normalize")


def importing(path):
    """Return an attempt to import published weights."""
    return lambda: brainchop(path, "stolen", path.parent / "models")


def tar_with_links_and_folders_above(folder):
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        above = tarfile.TarInfo("../PWN")
        link = tarfile.TarInfo("model.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(above)
        archive.addfile(link)
    return importing(path)


def zip_bomb(folder):
    path = folder / "model.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.json", bytes(1 << 24))
    return importing(path)


def folder_with_a_link(folder):
    """The weights that are named are a link out of the folder."""
    manifest = [{"paths": ["a.bin"], "weights": [{"name": "c/kernel", "shape": [1], "dtype": "float32"}]}]
    model = {"modelTopology": {"model_config": {"config": {"layers": []}}}, "weightsManifest": manifest}
    (folder / "model.json").write_text(json.dumps(model), "utf-8")
    (folder / "a.bin").symlink_to("/dev/zero")
    return importing(folder)


def ct_for_an_mr_model(folder):
    """Air of a CT is below 0, which no MRI is."""
    values = np.where(np.arange(40)[:, None, None] < 20, -1000, 40) * np.ones((40, 40, 40), int)
    affine = orientations(values.shape, (1.0, 1.0, 1.0))[0].affine
    image = write_store(folder / "ct.ome.zarr", values.astype(np.int16), affine=affine)
    model = save_tiny_model(folder / "models")
    return lambda: predict(image, str(model), folder / "labels.ome.zarr")
