import json

import numpy as np
import ome_zarr_models.v05
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from medscience.description import Label
from medscience.errors import StoreError
from medscience.image import Meaning
from medscience.store.metadata import Content, LabelMeaning, read_attributes, write_attributes
from medscience.testing.phantoms import orientations
from medscience.testing.strategies import geometries, shapes

SIDES = {"L": "left", "R": "right", "P": "posterior", "A": "anterior"} | {
    "I": "inferior",
    "S": "superior",
}
OPPOSITE = dict(zip("LRPAIS", "RLAPSI", strict=True))

LABELS = LabelMeaning(
    (
        Label(value=0, name="background", color=(0, 0, 0)),
        Label(value=7, name="White Matter", color=(255, 254, 253)),
    ),
    image_name="head",
    image_digest="0" * 64,
    model="tissue-1",
    caution="simulated",
)

LARGE = shapes(8).map(lambda shape: tuple(20 * n for n in shape))
"""Sizes large enough for a pyramid."""

UNTIMED = st.builds(
    Meaning,
    geometries(LARGE, shear=0.1),
    st.sampled_from(("zyx", "tzyx", "czyx", "tczyx")),
    st.none() | st.just("HU"),
    space=st.sampled_from(("patient", "own", "pixels")),
)
TIMED = st.builds(
    Meaning,
    geometries(LARGE, shear=0.1),
    st.sampled_from(("tzyx", "tczyx")),
    time_step=st.floats(0.001, 10),
    skipped=st.sampled_from(((), ((1, 3),))),
)
MEANINGS = UNTIMED | TIMED


def full_shape(meaning):
    return (*(2,) * (len(meaning.axes) - 3), *meaning.geometry.shape)


def written(content, name="head"):
    """The attributes as another program would read them."""
    return json.loads(json.dumps(write_attributes(content, full_shape(content.meaning), name)))


@given(MEANINGS, st.none() | st.just(LABELS), st.booleans())
def test_attributes_that_were_written_are_read_back(meaning, labels, is_labels):
    content = Content.of(meaning, labels=labels, is_labels=is_labels, source={"sform_code": 1, "units": "mm"})
    assert read_attributes(written(content), "x") == content


@given(geometries(LARGE), st.data())
def test_scale_and_translation_of_every_level_give_the_position_along_the_own_axes(geometry, data):
    content = Content.of(Meaning(geometry))
    (multiscale,) = written(content)["ome"]["multiscales"]
    assert len(multiscale["datasets"]) == len(content.levels)
    for factors, dataset in zip(content.levels, multiscale["datasets"], strict=True):
        scale, translation = dataset["coordinateTransformations"]
        grid = geometry.coarser(factors)
        index = np.array([data.draw(st.integers(0, n - 1)) for n in grid.shape])
        along = np.array(translation["translation"]) + index * scale["scale"]
        assert_allclose(geometry.directions @ along, grid.world(index), atol=1e-6)


@given(geometries(tilt=0.0), st.data())
def test_on_an_upright_grid_other_readers_see_the_world_position_up_to_sign(geometry, data):
    (multiscale,) = written(Content.of(Meaning(geometry)))["ome"]["multiscales"]
    scale, translation = multiscale["datasets"][0]["coordinateTransformations"]
    index = np.array([data.draw(st.integers(0, n - 1)) for n in geometry.shape])
    along = np.array(translation["translation"]) + index * scale["scale"]
    world = dict(zip("RAS", geometry.world(index), strict=True))
    for letter, position in zip(geometry.orientation, along, strict=True):
        known = world[letter] if letter in world else -world[OPPOSITE[letter]]
        assert position == pytest.approx(known, abs=1e-6)


@pytest.mark.parametrize("geometry", orientations(), ids=lambda grid: grid.orientation)
def test_every_axis_says_from_where_to_where_it_runs_in_the_words_of_rfc_4(geometry):
    (multiscale,) = written(Content.of(Meaning(geometry)))["ome"]["multiscales"]
    assert [axis["orientation"] for axis in multiscale["axes"]] == [
        {"type": "anatomical", "value": f"{SIDES[OPPOSITE[letter]]}-to-{SIDES[letter]}"}
        for letter in geometry.orientation
    ]


@given(MEANINGS)
def test_axes_have_types_and_units_and_time_its_step(meaning):
    (multiscale,) = written(Content.of(meaning))["ome"]["multiscales"]
    axes = {axis["name"]: axis for axis in multiscale["axes"]}
    assert "".join(axes) == meaning.axes
    length = None if meaning.space == "pixels" else "millimeter"
    units = {"t": "second" if meaning.time_step else None, "z": length, "y": length, "x": length}
    assert {name: axis.get("unit") for name, axis in axes.items()} == {name: units.get(name) for name in axes}
    anatomical = {name for name in axes if "orientation" in axes[name]}
    assert anatomical == (set("zyx") if meaning.space == "patient" else set())
    for dataset in multiscale["datasets"]:
        scale, translation = dataset["coordinateTransformations"]
        steps = dict(zip(meaning.axes, scale["scale"], strict=True))
        assert steps.get("t", 1.0) == (meaning.time_step or 1.0 if "t" in axes else 1.0)
        assert translation["translation"][: len(axes) - 3] == [0.0] * (len(axes) - 3)


def test_labels_say_name_colour_and_image_to_other_readers():
    attributes = written(Content.of(Meaning(orientations()[0]), labels=LABELS))
    label = attributes["ome"]["image-label"]
    assert label["properties"][1] == {"label-value": 7, "name": "White Matter"}
    assert label["colors"][0]["rgba"] == [0, 0, 0, 0]
    assert label["colors"][1] == {"label-value": 7, "rgba": [255, 254, 253, 255]}
    assert label["source"] == {"image": "head"}


@pytest.mark.parametrize(
    "shape, axes", [((5, 130, 70), "zyx"), ((2, 5, 6, 70), "tzyx"), ((2, 5, 6, 7), "czyx")]
)
def test_the_models_of_ome_zarr_0_5_accept_an_image(tmp_path, write_store, shape, axes):
    path = write_store(tmp_path / "x.ome.zarr", np.ones(shape, dtype=np.int16), axes=axes)
    image = ome_zarr_models.v05.Image.from_zarr(zarr.open_group(path, mode="r"))
    (multiscale,) = image.attributes.ome.multiscales
    assert "".join(axis.name for axis in multiscale.axes) == axes
    assert multiscale.name == "x"


def test_the_models_of_ome_zarr_0_5_accept_labels(tmp_path, write_store):
    array = np.full((5, 130, 70), 7, dtype=np.uint8)
    path = write_store(tmp_path / "x.ome.zarr", array, labels=LABELS)
    labels = ome_zarr_models.v05.ImageLabel.from_zarr(zarr.open_group(path, mode="r"))
    assert labels.attributes.ome.image_label.properties[1].label_value == 7


@pytest.mark.parametrize("attributes", [{}, {"ome": {}}, {"medscience": {"format": 2}}])
def test_a_store_of_others_or_of_another_version_is_refused(attributes):
    with pytest.raises(StoreError, match="STORE-FORMAT"):
        read_attributes(attributes, "x.ome.zarr")
