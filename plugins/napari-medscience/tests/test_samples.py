"""File > Open Sample > medscience."""

import numpy as np

from medscience.simulate.head import LABELS
from napari_medscience.samples import AMPLITUDE, ORGANS, PERIOD, breathing

PLUGIN = "napari-medscience"


def test_the_head_comes_with_named_labels(viewer):
    image, labels = viewer.open_sample(PLUGIN, "head")
    assert image.data.shape == labels.data.shape
    assert dict(zip(labels.features["index"], labels.features["name"], strict=True)) == LABELS
    assert set(np.unique(np.asarray(labels.data))) <= set(LABELS)
    colours = {tuple(labels.get_color(value)) for value in LABELS if value}
    assert len(colours) == min(len(LABELS) - 1, 7)


def test_the_tumour_moves_by_its_amplitude_in_one_period(viewer):
    (layer,) = viewer.open_sample(PLUGIN, "breathing")
    assert layer.axis_labels == ("t", "z", "y", "x")
    assert layer.data.shape[0] * layer.scale[0] == PERIOD
    tumour = np.asarray(layer.data) == 60
    heights = [layer.data_to_world((0, *np.argwhere(volume).mean(axis=0)))[1] for volume in tumour]
    assert abs(heights[0] - heights[len(heights) // 2] - AMPLITUDE) < 0.5


def test_the_breathing_phantom_is_the_same_every_time():
    assert (breathing()[0][0] == breathing()[0][0]).all()


def test_the_abdomen_has_every_organ_where_its_truth_says(viewer):
    image, labels = viewer.open_sample(PLUGIN, "abdomen")
    names = dict(zip(labels.features["index"], labels.features["name"], strict=True))
    assert tuple(names.values()) == ORGANS
    grey, truth = np.asarray(image.data), np.asarray(labels.data)
    means = {name: grey[truth == value].mean() for value, name in names.items()}
    assert abs(means["liver"] - 105) < 10  # its rim is blurred
    assert means["lesion"] < means["liver"] < means["right kidney"] < means["spine"]
    middle = labels.data_to_world(np.argwhere(truth == 1).mean(axis=0))
    assert middle[2] > 40  # the liver is on the patient's right
