"""What the store costs: from store to store against array to array, same engine, same precision."""

from collections.abc import Iterator
from functools import partial

from tests.bench.rounds import ratio, rounds, run, seconds
from tests.bench.row import Row
from tests.bench.setting import Setting

MODELS = ("model20chan3cls", "model5_gw_ae")
PRECISIONS = ("auto", "float32")


def store(setting: Setting) -> Iterator[Row]:
    """Compare them where one tile fits."""
    for name in MODELS:
        for precision in PRECISIONS:
            array = {**setting.shared(name), "precision": precision}
            sides = {
                "store": partial(setting.ours, name, precision),
                "array": partial(run, "in_memory", **array),
            }
            found = rounds(setting.rounds, sides)
            what = f"{name}, {precision}"
            cost = ratio(found["store"], found["array"])
            yield Row(f"{what}: from store to store", seconds(found["store"]), "s")
            yield Row(f"{what}: from array to array", seconds(found["array"]), "s")
            yield Row(f"{what}: store against array", cost, "of its time", at_most=1.10)
