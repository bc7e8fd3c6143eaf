"""The folder of a run: what there is to look at."""

from dataclasses import dataclass
from pathlib import Path

from medscience.description import file_sha256
from medscience.errors import InputError, StoreError
from medscience.review.corrections import FOLDER, newest_accepted
from medscience.review.ledger import NAME, Ledger
from medscience.review.queue import Case as Queued
from medscience.review.queue import read_queue
from medscience.review.standing import Standing, standing
from medscience.store.commit import SUFFIX, read_commit


@dataclass(frozen=True, slots=True)
class Run:
    """A folder with ``results`` and, once someone has reviewed, ``corrections``."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> "Run":
        """Return the run of a folder, or of its ``results``.

        Raises
        ------
        InputError
            If there are no labels in it.
        """
        run = cls(folder.parent if folder.name == "results" else folder)
        if not run.models:
            raise InputError(
                "REVIEW-FOLDER",
                file=folder,
                field="results/labels",
                found="no labels of a model",
                expected="the folder in which the workflow ran",
                fix="open that one, or run the workflow first",
            )
        return run

    @property
    def corrections(self) -> Path:
        """Where people's work goes."""
        return self.folder / FOLDER

    def ledger(self) -> Ledger:
        """Open the ledger of verdicts, a new one if there is none."""
        return Ledger(self.corrections / NAME)

    @property
    def models(self) -> list[str]:
        """The models with labels or ellipses to look at."""
        results = self.folder / "results"
        found = [*results.glob(f"labels/*/*.ome.zarr{SUFFIX}"), *results.glob("detections/*/*.parquet")]
        return sorted({path.parent.name for path in found})

    def has_ellipses(self, model: str) -> bool:
        """Whether a model finds ellipses in frames, and no labels."""
        return not self._stores(model)

    def queue(self, model: str) -> list[Queued]:
        """Return a model's samples, worst first; those that the queue does not know come last."""
        table = self.folder / "results" / "review" / f"{model}.tsv"
        known = list(read_queue(table)) if table.exists() else []
        stores, tables = self._stores(model), self.detections(model, "").parent.glob("*.parquet")
        there = sorted(
            [name.removesuffix(f".ome.zarr{SUFFIX}") for name in stores] or [t.stem for t in tables]
        )
        ranked = [case for case in known if case.sample in there]
        others = sorted(set(there) - {case.sample for case in ranked})
        return [*ranked, *(Queued(len(ranked) + n, sample) for n, sample in enumerate(others, start=1))]

    def image(self, sample: str) -> Path:
        """Return the store of a sample's image."""
        return self.folder / "results" / "images" / f"{sample}.ome.zarr"

    def labels(self, model: str, sample: str) -> Path:
        """Return the store of a model's labels."""
        return self.folder / "results" / "labels" / model / f"{sample}.ome.zarr"

    def prediction(self, model: str, sample: str) -> Path:
        """Return the store of a network's raw decision."""
        return self.folder / "results" / "predictions" / model / f"{sample}.ome.zarr"

    def detections(self, model: str, sample: str) -> Path:
        """Return the table of a model's ellipses."""
        return self.folder / "results" / "detections" / model / f"{sample}.parquet"

    def corrected(self, ledger: Ledger, model: str, sample: str, image: str, labels: str) -> Path | None:
        """Return the store of the newest correction that somebody accepted; None if there is none."""
        return newest_accepted(ledger, model, sample, image, labels)

    def standing(self, ledger: Ledger, model: str, sample: str) -> Standing:
        """Return what people said of a sample so far."""
        image = read_commit(self.image(sample)).digest
        if self.has_ellipses(model):
            labels = file_sha256(self.detections(model, sample))
        else:
            labels = read_commit(self.labels(model, sample)).digest
        return standing(ledger.entries(model, sample), image, labels)

    def model_digest(self, model: str, sample: str) -> str:
        """Return the digest of the model file that the labels were made with.

        Raises
        ------
        StoreError
            If nothing says so: a verdict must name what it is about.
        """
        stores = [self.labels(model, sample), self.prediction(model, sample)]
        for store in stores:
            if store.exists():
                digest = read_commit(store).provenance.inputs.get("model")
                if digest:
                    return digest
        raise StoreError(
            "REVIEW-MODEL",
            file=stores[-1],
            field="inputs",
            found="nothing that says which model file made the labels",
            expected="the prediction's commit",
            fix="keep results/predictions beside results/labels",
        )

    def _stores(self, model: str) -> list[str]:
        return [
            path.name for path in (self.folder / "results" / "labels" / model).glob(f"*.ome.zarr{SUFFIX}")
        ]
