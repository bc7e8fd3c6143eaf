"""How well a detector of antinodes does on simulated frames that it never saw: ``make fringe-accuracy``.

Three test sets: single frames of our realistic style and of SPNet's published recipe, and frames of whole
strikes that coupled oscillators move. Their seeds are none of the training's, and their digests were written
down before it ended. Beside the network stands a counter without one (`tests.accuracy.classical`), on some of
the frames, evenly spread.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator
from itertools import islice

import numpy as np

from medscience.antinode import Antinode
from medscience.description import find_model
from medscience.detector import read_detector
from medscience.inference.detect import detector
from medscience.inference.engine import precision_of
from medscience.measure.ellipses import average_precision, match, ring_agreement
from medscience.measure.intervals import cases, coverage
from medscience.measure.spnet import spnet_measures
from medscience.measure.statistics import bootstrap
from medscience.models.zoo import load_detector
from medscience.simulate.espi.drawn import drawn_frames
from medscience.simulate.espi.modes import SHAPE
from medscience.simulate.espi.shots import VISIBLE, Shot
from medscience.simulate.espi.strike import simulate_strike
from tests.accuracy.classical import counted, found

COUNT = 1000
STRIKES = range(8101, 8111)
AT_ONCE = 8
EDGES = (0, 1, 2, 4, 7, 12)
"""True counts that divide antinodes into strata."""
DIGESTS = {
    "espi": "d03a1e35b7352f13e6b3435583ad48b8b74a460f2ba3e60674c40268a46d518e",
    "spnet": "f87f29fd2d87d1e2304ee1cd4f7812813e48fb51fc1fea6503dd7b471d9ec832",
    "strikes": "66b0c70f13095118d1f00e0c93d5b713f0ced0f8229f14629f9d67a62bdb41b4",
}


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def test_set(name: str) -> Iterator[Shot]:
    """Yield the frames of a test set."""
    if name != "strikes":
        yield from islice(drawn_frames({name: 1.0}, {"espi": 800_001, "spnet": 800_002}[name]), COUNT)
        return
    for seed in STRIKES:
        strike = simulate_strike(seed, frames=300)
        for number, frame in strike.frames():
            if number % 6 == 0:
                rings = np.abs(strike.rings(number)).tolist()
                pairs = zip(strike.notes, rings if frame.any() else [0.0] * len(rings), strict=True)
                seen = [Antinode(note.dome.ellipse, count) for note, count in pairs if count >= VISIBLE]
                yield Shot(frame, tuple(seen))


def digest(name: str) -> str:
    """Return the digest of a test set, of its frames and its truth."""
    known = hashlib.sha256()
    for shot in test_set(name):
        known.update(shot.frame.tobytes())
        known.update(repr(shot.antinodes).encode("ascii"))
    return known.hexdigest()


def looked_at(name: str, network) -> list:
    """Return truth and detections of every frame."""
    frames, pairs = test_set(name), []
    while shots := list(islice(frames, AT_ONCE)):
        answers = network(np.stack([shot.frame for shot in shots]))
        pairs += [(shot.antinodes, answer) for shot, answer in zip(shots, answers, strict=True)]
    return pairs


def hits(pairs) -> list[float]:
    """Return for each true antinode whether its rings were counted within 0.5."""
    values = []
    for truth, detections in pairs:
        matched = match((truth, detections), SHAPE)
        right = sum(abs(truth[one].rings - detections[other].rings) <= 0.5 for one, other in matched)
        values += [1.0] * right + [0.0] * (len(truth) - right)
    return values


def report(name: str, network, least: float) -> None:
    """Print what a network reaches on a test set."""
    everything = looked_at(name, network)
    pairs = [(truth, [one.antinode for one in found]) for truth, found in everything]
    sure = [(truth, [one for one in found if one.antinode.score >= least]) for truth, found in everything]
    plain = [(truth, [one.antinode for one in found]) for truth, found in sure]
    agreement = ring_agreement(plain, SHAPE)
    say(f"{name}: {len(pairs)} frames, {agreement.objects} antinodes")
    say(f"{name}: rings within 0.5, misses counted: {bootstrap(hits(plain))}")
    say(f"{name}: rings within 1, misses counted: {agreement.within_one:.3f}")
    say(f"{name}: mean error of those found: {agreement.mean_error:.3f} rings")
    say(f"{name}: missed {agreement.miss_rate:.3f}, false {agreement.false_rate:.3f}")
    precision = average_precision(pairs, SHAPE)
    say(f"{name}: AP at 0.5: {precision[0.5]:.3f}, at 0.5:0.95: {np.mean(list(precision.values())):.3f}")
    known = [case for truth, detections in sure for case in cases(truth, detections, SHAPE)]
    for part in (*coverage(known, EDGES), *coverage(known, (EDGES[0], EDGES[-1]))):
        say(
            f"{name}: 90 % interval, {part.first:g} to {part.last:g} rings, {part.cases} antinodes: covers "
            f"{part.covered:.3f}, median width {part.median_width:.2f}"
        )
    if name == "spnet":
        fitting = [pair for pair in plain if _has_slots(pair[0])]
        measures = {key: round(float(value), 4) for key, value in spnet_measures(fitting).items()}
        say(f"{name}: as published, {len(fitting)} frames that fit SPNet's grid: {measures}")


def _has_slots(truth) -> bool:
    from medscience.errors import InputError
    from medscience.slots import slots

    try:
        slots(truth)
    except InputError:
        return False
    return True


def without_network(name: str, network, least: float, count: int) -> None:
    """Print what a counter without a network reaches, and how well it counts where outlines are given."""
    shots = list(test_set(name))
    shots = shots[:: max(len(shots) // count, 1)][:count]
    outlines = {
        "Hough and radial profile": lambda shot: None,
        "radial profile in the network's outlines": lambda shot: [
            one.antinode.ellipse for one in network(shot.frame[None])[0] if one.antinode.score >= least
        ],
        "radial profile in the true outlines": lambda shot: [one.ellipse for one in shot.antinodes],
    }
    for what, given in outlines.items():
        pairs = []
        for shot in shots:
            ellipses = given(shot)
            pairs.append(
                (shot.antinodes, found(shot.frame) if ellipses is None else counted(shot.frame, ellipses))
            )
        say(f"{name}: {what}, {count} frames: rings within 0.5, misses counted: {bootstrap(hits(pairs))}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.fringe")
    parser.add_argument("model", nargs="?", default="fringe")
    parser.add_argument("--sets", nargs="*", default=list(DIGESTS))
    parser.add_argument("--classical", type=int, default=100, help="frames of each set; 0: none")
    options = parser.parse_args()
    path = find_model(options.model)
    least = read_detector(path).output.least_score
    model, network = load_detector(path)
    low = model.model_copy(update={"output": model.output.model_copy(update={"least_score": 0.02})})
    for name in options.sets:
        if digest(name) != DIGESTS[name]:
            say(f"{name}: digest {digest(name)}, not {DIGESTS[name]}: other frames than were frozen")
        ready = detector(low, network, precision_of("auto"))
        report(name, ready, least)
        if options.classical:
            without_network(name, ready, least, options.classical)
