"""Where patches lie."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medscience.config.pairs import Pair
from medscience.geometry import Geometry
from medscience.image import Image, Meaning
from medscience.preprocess.normalize import Normalization
from medscience.recipe import Stage
from medscience.training.examples import Example, surveyed
from medscience.training.folds import dealt
from medscience.training.sampling import STARTS, drawn, start_of
from tests.training.test_parts import recipe

SHAPE = (40, 44, 48)
PATCH = (16, 20, 12)
IDENTITY = ((0, 0, 1, 0), (0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 0, 1))


def example(labels, name="a", weight=1.0, value=0.0):
    meaning = Meaning(Geometry(labels.shape, IDENTITY))
    image = Image(np.full(labels.shape, value, np.float32), meaning)
    truth = Image(labels, meaning)
    survey = surveyed(truth, 4, 255, np.random.default_rng(0))
    pair = Pair(name, Path("i"), Path("l"), name, "train", weight)
    same = Normalization(0.0, 1.0, clip=False)
    return Example(pair, image, truth, image, truth, same, 255, survey, ("", "", ""))


def lumps():
    """A large, a small and a tiny class, far from most of the volume."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:30, 4:30, 6:20] = 1
    labels[10:14, 10:14, 22:26] = 2
    labels[16, 20, 24] = 3
    return labels


def starts(name, labels, count=300):
    random = np.random.default_rng(1)
    return [STARTS[name](example(labels), PATCH, random) for _ in range(count)]


def within(labels, start):
    return labels[tuple(slice(s, s + p) for s, p in zip(start, PATCH, strict=True))]


@pytest.mark.parametrize("name", STARTS)
def test_every_patch_lies_in_the_image(name):
    for start in starts(name, lumps()):
        assert within(lumps(), start).shape == PATCH


def test_anywhere_reaches_both_ends():
    found = np.array(starts("anywhere", lumps(), 1000))
    assert (found.min(axis=0) == 0).all()
    assert (found.max(axis=0) == np.array(SHAPE) - PATCH).all()


def test_class_balanced_meets_the_rarest_voxel_as_often_as_the_largest_class():
    met = [set(np.unique(within(lumps(), start)).tolist()) for start in starts("class-balanced", lumps())]
    assert np.mean([3 in classes for classes in met]) > 0.25
    anywhere = [3 in within(lumps(), start) for start in starts("anywhere", lumps())]
    assert np.mean(anywhere) < 0.2


def test_place_balanced_meets_a_small_lesion_as_often_as_a_large_one():
    labels = np.zeros((40, 80, 80), np.uint8)
    labels[:16, :16, :16] = 1
    labels[30:32, 70:72, 70:72] = 1

    def share_with_the_small_one(name):
        corners = np.array(starts(name, labels, 600))
        return ((corners <= (31, 71, 71)) & (corners + PATCH > (30, 70, 70))).all(axis=1).mean()

    assert share_with_the_small_one("place-balanced") == pytest.approx(0.25, abs=0.07)  # and half have none
    assert share_with_the_small_one("class-balanced") < 0.1


def test_every_class_is_in_each_patch_where_one_patch_can_hold_them():
    met = [len(np.unique(within(lumps(), start))) == 4 for start in starts("every-class", lumps(), 60)]
    assert np.mean(met) > 0.9


def test_inside_the_box_stays_within_it_or_around_it():
    labels = lumps()
    box = example(labels).survey.box
    for start in starts("inside-box", labels):
        for s, p, (first, end) in zip(start, PATCH, box, strict=True):
            assert (first <= s and s + p <= end) or (s <= first and end <= s + p)


def test_a_patch_follows_from_seed_step_and_number_alone():
    stage = {"sampling": "class-balanced", "patch": PATCH, "steps": 9, "learning_rate": 1}
    how = recipe(stage, augmentation={"noise": 0.1})
    two = [example(lumps()), example(np.flip(lumps()), "b")]
    one = drawn(two, how, how.stages[0], 5, 1)
    again = drawn(two, how, how.stages[0], 5, 1)
    other = drawn(two, how, how.stages[0], 6, 1)
    assert one.name == again.name
    assert (one.image == again.image).all()
    assert one.name != other.name


def test_samples_are_drawn_by_their_weight():
    how = recipe({"sampling": "anywhere", "patch": PATCH, "steps": 1, "learning_rate": 1})
    two = [example(lumps(), "a", 3.0), example(lumps(), "b", 1.0)]
    names = [drawn(two, how, how.stages[0], step, 0).name[0] for step in range(400)]
    assert names.count("a") == pytest.approx(300, abs=40)


def test_the_whole_volume_is_the_whole_volume():
    stage = Stage(sampling="whole-volume", steps=1, learning_rate=1)
    assert start_of(example(lumps()), stage, np.random.default_rng(0)) == (0, 0, 0)
    patch = drawn([example(lumps())], recipe(stage.model_dump()), stage, 1, 0)
    assert patch.image.shape == SHAPE


def test_a_survey_knows_counts_places_box_and_strays():
    labels = lumps()
    labels[0, 0, 0], labels[1, 1, 1] = 255, 9
    survey = example(labels).survey
    assert survey.counts.tolist() == [(labels == n).sum() for n in range(4)]
    assert survey.strays == (9,)
    for value, places in enumerate(survey.places):
        assert (labels[tuple(places.T)] == value).all()
        assert len(np.unique(places, axis=0)) == len(places)


@given(
    volumes=st.lists(st.integers(0, 50), min_size=4, max_size=20),
    folds=st.integers(2, 4),
    seed=st.integers(0, 5),
)
def test_each_patient_validates_once_and_folds_are_alike(volumes, folds, seed):
    pairs = [Pair(f"s{n}", Path("i"), Path("l"), f"p{n // 2}", "train") for n in range(len(volumes))]
    patients = {pair.patient for pair in pairs}
    folds = min(folds, len(patients))
    sizes = []
    seen = []
    for fold in range(1, folds + 1):
        found = dealt(pairs, volumes, folds, fold, seed)
        mine = {pair.patient for pair in found if pair.split == "validation"}
        assert not mine & {pair.patient for pair in found if pair.split == "train"}
        seen += sorted(mine)
        sizes.append(len(mine))
    assert sorted(seen) == sorted(patients)
    assert max(sizes) - min(sizes) <= 1


def test_folds_share_the_large_and_the_small():
    pairs = [Pair(f"s{n}", Path("i"), Path("l"), f"p{n}", "train") for n in range(9)]
    for fold in (1, 2, 3):
        found = dealt(pairs, [10 ** (n // 3) for n in range(9)], 3, fold, 0)
        mine = [n for n, pair in enumerate(found) if pair.split == "validation"]
        assert [n // 3 for n in mine] == [0, 1, 2]
