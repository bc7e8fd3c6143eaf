import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from medscience.description import Label
from medscience.errors import MismatchError
from medscience.postprocess.brain import (
    brain_mask,
    brain_volume_mm3,
    intracranial_volume_mm3,
    skull_stripped,
    tissues,
)


def named(*names):
    return [Label(value=n, name=name, color=(0, 0, 0)) for n, name in enumerate(names)]


THREE = named("background", "White Matter", "Grey Matter", "CSF")
ATLAS = named("BG", "ctx-lh-insula", "Left-Cerebral-White-Matter", "Left-Lateral-Ventricle", "CSF", "Lesion")


@pytest.mark.parametrize(
    "name, tissue",
    [
        ("White Matter", "white"),
        ("Left-Cerebral-White-Matter", "white"),
        ("Cerebellum-WM", "white"),
        ("CC_Mid_Anterior", "white"),
        ("white", "white"),
        ("Gray Matter", "grey"),
        ("Grey_Matter", "grey"),
        ("ctx-lh-bankssts", "grey"),
        ("Right-Cerebellum-Cortex", "grey"),
        ("Cerebral-Cortex", "grey"),
        ("Brain-Stem", "brain"),
        ("brain", "brain"),
        ("Left-Thalamus-Proper*", "brain"),
        ("Left-VentralDC", "brain"),
        ("Left-Inf-Lat-Vent", "ventricle"),
        ("Left-Lateral-Ventricle", "ventricle"),
        ("3rd-Ventricle", "ventricle"),
        ("4th-Ventricle", "ventricle"),
        ("CSF", "csf"),
        ("Cerebrospinal fluid", "csf"),
    ],
)
def test_a_name_says_its_tissue(name, tissue):
    assert tissues([*named("background", name), Label(value=9, name="brain", color=(0, 0, 0))])[1] == tissue


@pytest.mark.parametrize(
    "name",
    [
        "background",
        "liver",
        "heart_ventricle_left",
        "kidney cortex",
        "white blood cell",
        "spleen",
        "Lesion",
        "CSF",
    ],
)
def test_other_names_and_fluid_alone_are_no_brain(name):
    assert tissues(named("background", name)) == {}


def test_the_background_is_no_tissue_whatever_its_name():
    assert tissues(named("not brain", "brain")) == {1: "brain"}


@pytest.mark.samples
def test_every_label_of_the_published_atlas_has_a_tissue(samples):
    text = (samples / "meshnet/model21_104class/colormap.json").read_text("utf-8")
    found = tissues(named(*json.loads(text)["labels"]))
    assert set(found) == set(range(1, 104))
    assert [n for n, tissue in found.items() if tissue in ("csf", "ventricle")] == list(range(87, 94))


def slow_mask(labels, inside):
    """Whatever cannot be reached from outside through faces of voxels: a flood, slow and obvious."""
    solid = np.pad(np.isin(labels, inside), 1)
    reached, edge = np.zeros_like(solid), [(0, 0, 0)]
    while edge:
        voxel = edge.pop()
        if min(voxel) < 0 or any(n >= size for n, size in zip(voxel, solid.shape, strict=True)):
            continue
        if solid[voxel] or reached[voxel]:
            continue
        reached[voxel] = True
        steps = [
            (*zeros, by, *rest)
            for by in (-1, 1)
            for zeros, rest in (((), (0, 0)), ((0,), (0,)), ((0, 0), ()))
        ]
        edge += [tuple(n + by for n, by in zip(voxel, step, strict=True)) for step in steps]
    return ~reached[1:-1, 1:-1, 1:-1]


@given(labels=arrays(np.uint8, (5, 5, 5), elements=st.sampled_from([0, 1, 1, 2, 3, 4, 5])))
def test_the_mask_is_the_brain_and_what_it_encloses(labels):
    mask = brain_mask(labels, ATLAS)
    assert mask.dtype == np.bool_
    assert_array_equal(mask, slow_mask(labels, [1, 2, 3]))


def test_fluid_inside_belongs_to_the_mask_and_fluid_around_does_not():
    labels = np.full((7, 7, 7), 3, dtype=np.uint8)
    labels[1:6, 1:6, 1:6] = 2
    labels[3, 3, 3] = 3
    mask = brain_mask(labels, THREE)
    assert mask.sum() == 125
    assert mask[3, 3, 3]


def test_labels_without_a_brain_have_no_mask():
    with pytest.raises(MismatchError, match="BRAIN-NAMES"):
        brain_mask(np.ones((1, 1, 1), dtype=np.uint8), named("background", "liver"))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", ">i2"])
def test_a_stripped_image_is_the_image_inside_and_nothing_outside(dtype):
    image = np.arange(1, 9).reshape(2, 2, 2).astype(dtype)
    mask = image > 4
    stripped = skull_stripped(image, mask)
    assert stripped.dtype == np.dtype(dtype).newbyteorder("=")
    assert_array_equal(stripped[mask], image[mask])
    assert not stripped[~mask].any()


def test_what_is_not_finite_outside_is_gone():
    image = np.array([[[np.nan, np.inf, 2.0]]], dtype=np.float32)
    assert skull_stripped(image, image == 2).tolist() == [[[0, 0, 2]]]


VOLUMES = {1: 500.0, 2: 600.0, 3: 50.0, 4: 10.0, 5: 3.0}


def test_the_brains_volume_is_its_tissue():
    assert brain_volume_mm3(VOLUMES, ATLAS) == 1100
    assert brain_volume_mm3(VOLUMES, named("background", "liver")) == 0


def test_the_volume_inside_the_skull_is_never_guessed():
    assert intracranial_volume_mm3({1: 500.0, 2: 600.0, 3: 150.0}, THREE) == 1250
    assert intracranial_volume_mm3(VOLUMES, ATLAS) is None
    assert intracranial_volume_mm3({1: 500.0, 2: 600.0}, THREE[:3]) is None
    assert intracranial_volume_mm3({1: 9.0}, named("background", "CSF")) is None
