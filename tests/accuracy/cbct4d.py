"""How well phases are restored: `python -m tests.accuracy.cbct4d [MODEL] [--rooster]`, half an hour or more.

Simulated scans of people whom no training saw, with breaths of their own: a minute, half-fan, 680 views,
noise and scatter, each view at its own time. All goes through the verbs, from projections to the table.
ROOSTER runs once for each pair of weights below on training cases, and with the best on the test cases.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from medscience.description import find_model
from medscience.measure.fidelity import regions_of
from medscience.measure.streaks import gantry_step, rotational_score
from medscience.models.zoo import load_restoring
from medscience.steps.assess import assess
from medscience.steps.ingest import ingest
from medscience.steps.predict import predict
from medscience.steps.reconstruct import reconstruct
from medscience.steps.simulate_thorax import thorax
from medscience.store.images import open_image
from medscience.store.tables import read_table

TESTS, TUNING = (9011, 9012, 9013), (1,)
"""People; `tests/simulate/thorax/test_frozen.py` says if the former are no longer who they were."""
SPACE, TIME = (2e-5, 5e-5, 2e-4), (1e-4, 2e-4, 1e-3)
"""The grid on which ROOSTER is tuned: weights of its smoothness in space and in time."""
PHASES = 10


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Case:
    """A person's scan, and all that is made of it, in a folder."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.base = folder, folder / f"thorax-{seed}"
        thorax(folder, seed=seed)
        ingest(self.of("mha"), self.store("projections"), acquisition=self.of("yaml"))
        for kind in ("truth", "tumour"):
            source = self.base.with_name(f"{self.base.name}_{kind}.nii.gz")
            ingest(source, self.store(kind))
        reconstruct(self.store("projections"), self.store("fdk"), self.store("prior"))

    def of(self, ending: str) -> Path:
        """Return a file of the scan."""
        return self.base.with_suffix(f".{ending}")

    def store(self, kind: str) -> Path:
        """Return the store of one of its images."""
        return self.folder / f"{self.base.name}-{kind}.ome.zarr"

    def reconstructed(self, method: str, name: str, **options: float) -> None:
        """Reconstruct in another way."""
        reconstruct(
            self.store("projections"), self.store(name), self.store("prior"), method=method, **options
        )  # type: ignore[arg-type]

    def restored(self, method: str, model: str, rounds: int) -> None:
        """Restore phases as often as a model wants it."""
        seen, prior = self.store(method), self.store("prior")
        for number in range(1, rounds):
            made, again = self.store(f"restored-{number}"), self.store(f"again-{number}")
            predict(seen, model, made, prior=prior)
            reconstruct(self.store("projections"), again, prior, method="mckinnon-bates", again=made)
            seen = again
        predict(seen, model, self.store(model), prior=prior)

    def numbers(self, name: str) -> dict[str, float]:
        """Return what is measured of some phases."""
        path = self.folder / f"{self.base.name}-{name}.parquet"
        if not path.exists():
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


def tuned(folder: Path) -> tuple[float, float]:
    """Return ROOSTER's weights with the least error in the body of the training cases."""
    cases = [Case(folder, seed) for seed in TUNING]
    errors = {}
    for n, (space, time) in enumerate(product(SPACE, TIME)):
        for case in cases:
            case.reconstructed("rooster", f"rooster-{n}", smooth_space=space, smooth_time=time)
        errors[space, time] = np.mean([case.numbers(f"rooster-{n}")["body rmse_hu"] for case in cases])
        say(f"ROOSTER, space {space:g}, time {time:g}: {errors[space, time]:.1f} HU on the training cases")
    return min(errors, key=lambda weights: errors[weights])


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


def lines(cases: list[Case], names: list[str]) -> Iterator[str]:
    """Yield a table in Markdown: the mean over the cases, and in brackets its range."""
    found = {name: [case.numbers(name) for case in cases] for name in names}
    yield f"| mean of {len(cases)} unseen people (range) | {' | '.join(names)} |"
    yield f"|---|{'---|' * len(names)}"
    for title, key in ROWS.items():
        cells = []
        for name in names:
            values = [numbers[key] for numbers in found[name]]
            cells.append(f"{np.mean(values):.3g} ({min(values):.3g} to {max(values):.3g})")
        yield f"| {title} | {' | '.join(cells)} |"


def main(model: str, *, with_rooster: bool) -> None:
    """Measure all ways on all cases."""
    names = ["fdk", "mckinnon-bates", *(["rooster"] if with_rooster else []), model]
    wanted = load_restoring(find_model(model))[0].input
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        weights = tuned(folder) if with_rooster else None
        cases = []
        for seed in TESTS:
            case = Case(folder, seed)
            case.reconstructed("mckinnon-bates", "mckinnon-bates")
            if weights:
                case.reconstructed("rooster", "rooster", smooth_space=weights[0], smooth_time=weights[1])
            case.restored(wanted.reconstruction, model, wanted.rounds)
            cases.append(case)
            say("\n".join(lines(cases, names)))


if __name__ == "__main__":
    given = [word for word in sys.argv[1:] if not word.startswith("-")]
    main(given[0] if given else "thorax-narrow", with_rooster="--rooster" in sys.argv)
