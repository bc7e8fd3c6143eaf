"""How well phases are restored: `python -m tests.accuracy.cbct4d [MODEL] [--rooster]`, half an hour.

Simulated scans of people whom no training saw, with breaths of their own: a minute, half-fan, 680 views,
noise and scatter, each view at its own time. All goes through the verbs, from projections to the table, two
people at a time. What is in ``results/chests-tests`` already stays, if it was made of the same.

With ROOSTER it takes hours: it runs with weights in space, then in time, on a training case, and with the
best of them on the first of the test cases.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from medscience.description import find_model
from medscience.measure.fidelity import regions_of
from medscience.measure.streaks import gantry_step, rotational_score
from medscience.restoration import fitting_for, rounds_for
from medscience.steps.assess import assess
from medscience.steps.ingest import ingest
from medscience.steps.predict import predict
from medscience.steps.reconstruct import reconstruct
from medscience.steps.simulate_thorax import thorax
from medscience.store.images import open_image
from medscience.store.tables import read_table

FOLDER = Path("results/chests-tests")
TESTS, BEFORE, TUNING = (9021, 9022, 9023, 9024, 9025, 9026), (9011, 9012, 9013), (1,)
"""People; `tests/simulate/thorax/test_frozen.py` says if the first two are no longer who they were. Weights
before the present ones were measured on the second."""
WITH_ROOSTER = TESTS[:3]
"""ROOSTER takes some twenty minutes for each."""
SPACE, TIME = (5e-5, 2e-4, 5e-4), (1e-4, 2e-4, 1e-3)
"""Weights on which ROOSTER is tuned, of its smoothness in space and then in time: each row of a grid."""
PHASES = 10

Weights = tuple[float, float]
"""Of ROOSTER, in space and in time."""
Numbers = Mapping[str, float]


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Case:
    """A person's scan, and all that is made of it, in a folder."""

    def __init__(self, seed: int) -> None:
        self.base = FOLDER / f"thorax-{seed}"
        if not self.base.with_name(f"{self.base.name}_tumour.nii.gz").exists():  # the last image of a scan
            thorax(FOLDER, seed=seed)
        ingest(self.of("mha"), self.store("projections"), acquisition=self.of("yaml"))
        for kind in ("truth", "tumour"):
            source = self.base.with_name(f"{self.base.name}_{kind}.nii.gz")
            ingest(source, self.store(kind))
        self.reconstructed("fdk", "fdk")

    def of(self, ending: str) -> Path:
        """Return a file of the scan."""
        return self.base.with_suffix(f".{ending}")

    def store(self, kind: str) -> Path:
        """Return the store of one of its images."""
        return FOLDER / f"{self.base.name}-{kind}.ome.zarr"

    def reconstructed(self, method: str, name: str, **options: float | Path) -> None:
        """Reconstruct, the image from all views too."""
        source, found, prior = (self.store(kind) for kind in ("projections", name, "prior"))
        reconstruct(source, found, prior, method=method, threads=1, **options)  # type: ignore[arg-type]

    def restored(self, model: str) -> list[str]:
        """Restore the phases as a model wants it; name what there is, by the network and fitted."""
        seen, prior = "mckinnon-bates", self.store("prior")
        for number in range(1, rounds_for(find_model(model))):
            made = self.store(f"restored-{number}")
            predict(self.store(seen), model, made, prior=prior, threads=1)
            seen = f"again-{number}"
            self.reconstructed("mckinnon-bates", seen, again=made)
        restored = self.store("restored")
        predict(self.store(seen), model, restored, prior=prior, threads=1)
        if not (how := fitting_for(find_model(model))):
            return ["restored"]
        options = {"rounds": how.rounds, "smooth_space": how.smooth_space}
        self.reconstructed("fit", "fitted", again=restored, **options)
        return ["restored", "fitted"]

    def numbers(self, name: str) -> Numbers:
        """Return what is measured of some phases."""
        path = FOLDER / f"{self.base.name}-{name}.parquet"
        assess(self.store(name), self.store("fdk"), path, self.store("truth"), self.store("tumour"))
        table, stated = read_table(path)
        found = {"rotation": self.rotation(name)}
        for region in ("body", "lungs", "tumour"):
            rows = [row for row in table.to_pylist() if row["region"] == region]
            for key in ("rmse_hu", "ssim", "streak_hu_per_mm"):
                found[f"{region} {key}"] = float(np.mean([row[key] for row in rows]))
        return found | json.loads(stated["motion"])

    def rotation(self, name: str) -> float:
        """Return the score of streaks that turn with the gantry."""
        facts = open_image(self.store("projections")).content.source["scan"]
        phase = np.array(facts["breathing"]["phase"])
        step = gantry_step(np.array(facts["views"]["gantry_deg"]), phase, PHASES)
        found, truth = (open_image(self.store(kind)).image for kind in (name, "truth"))
        phases, true = (one.read((slice(None),) * 4).astype(np.float64) for one in (found, truth))
        body = regions_of(true)["body"].all(axis=0)
        return rotational_score(phases, true, body, found.geometry, step)


def measured(model: str, seed: int) -> dict[str, Numbers]:
    """Return the numbers of a person's phases as reconstructed, and as restored."""
    case = Case(seed)
    case.reconstructed("mckinnon-bates", "mckinnon-bates")
    return {name: case.numbers(name) for name in ("fdk", "mckinnon-bates", *case.restored(model))}


def rooster(weights: Weights, seed: int) -> Numbers:
    """Return the numbers of a person's phases by ROOSTER."""
    case, (space, time) = Case(seed), weights
    name = f"rooster-{space:g}-{time:g}"
    case.reconstructed("rooster", name, smooth_space=space, smooth_time=time)
    return case.numbers(name)


def tuning_error(weights: Weights) -> float:
    """Return ROOSTER's mean error in the body of the training cases, in HU."""
    error = float(np.mean([rooster(weights, seed)["body rmse_hu"] for seed in TUNING]))
    say(f"ROOSTER, space {weights[0]:g}, time {weights[1]:g}: {error:.1f} HU on the training cases")
    return error


ROWS = {
    "RMSE in the body, HU": "body rmse_hu",
    "RMSE in the lungs, HU": "lungs rmse_hu",
    "RMSE in the tumour, HU": "tumour rmse_hu",
    "RMSE of the motion, HU": "motion_rmse_hu",
    "SSIM in the lungs": "lungs ssim",
    "SSIM in the body": "body ssim",
    "streak index in the body, HU/mm": "body streak_hu_per_mm",
    "rotational streak score": "rotation",
    "tumour trajectory error, mm": "tumour_error_mm",
    "tumour amplitude kept": "amplitude_kept",
}


def lines(cases: list[dict[str, Numbers]]) -> Iterator[str]:
    """Yield a table in Markdown: the mean over the cases, and in brackets its range."""
    yield f"| mean of {len(cases)} unseen people (range) | {' | '.join(cases[0])} |"
    yield f"|---|{'---|' * len(cases[0])}"
    for title, key in ROWS.items():
        cells = []
        for name in cases[0]:
            values = [case[name][key] for case in cases]
            cells.append(f"{np.mean(values):.3g} ({min(values):.3g} to {max(values):.3g})")
        yield f"| {title} | {' | '.join(cells)} |"


def main(model: str, *, with_rooster: bool) -> None:
    """Measure all ways on all cases."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    people = TESTS + BEFORE
    with ProcessPoolExecutor(2) as pool:
        cases = dict(zip(people, pool.map(partial(measured, model), people), strict=True))
        for some in (TESTS, BEFORE):
            say("\n".join(lines([cases[seed] for seed in some])))
        if with_rooster:
            found = zip(WITH_ROOSTER, pool.map(partial(rooster, tuned(pool)), WITH_ROOSTER), strict=True)
            say("\n".join(lines([cases[seed] | {"rooster": numbers} for seed, numbers in found])))


def tuned(pool: ProcessPoolExecutor) -> Weights:
    """Return ROOSTER's weights with the least error on the training cases."""
    for seed in TUNING:
        Case(seed)
    space, _ = _best(pool, [(space, TIME[1]) for space in SPACE])
    return _best(pool, [(space, time) for time in TIME])


def _best(pool: ProcessPoolExecutor, row: list[Weights]) -> Weights:
    errors = dict(zip(row, pool.map(tuning_error, row), strict=True))
    return min(row, key=lambda weights: errors[weights])


if __name__ == "__main__":
    given = [word for word in sys.argv[1:] if not word.startswith("-")]
    main(given[0] if given else "thorax-narrow", with_rooster="--rooster" in sys.argv)
