"""What a model file means: everything that is tied to weights, and nothing that needs torch.

Keys follow the bioimage.io model description where the meaning is the same (name, description, authors,
license, cite, weights).
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from medscience.config.sheet import NAME, Track
from medscience.config.yaml import Strict, check, parse_yaml
from medscience.errors import ModelError
from medscience.networks import Network, Side
from medscience.recipe import Recipe

MODEL_FORMAT: Final = "medscience-model-1"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Millimetres = Annotated[float, Field(gt=0)]
Normalize = Literal["minmax", "quantile-5-95", "quantile-2-98-clip"]


def _plain(name: str) -> str:
    if Path(name).name != name or name.startswith(".") or not name or not name.isprintable():
        raise ValueError("a file's name beside the model file, without a folder")
    return name


FileName = Annotated[str, AfterValidator(_plain)]


class Weights(Strict):
    """The weights beside the model file."""

    file: FileName
    sha256: Sha256
    parameters: Side
    """Number of trained values; checked when the network is built."""
    source: str
    """Where they come from."""
    trained_on: str
    """The data, in a sentence."""


class Crop(Strict):
    """Where to look: the box of another model's labels. Outside of it everything is background."""

    model: Annotated[str, Field(pattern=NAME)]
    """A model file beside this one, on the same grid."""
    margin: Annotated[int, Field(ge=0)]
    """Voxels around the box."""
    if_nothing: Literal["refuse", "empty"] = "refuse"
    """What becomes of a scan in which it finds nothing: refused, or all of it background, which is said."""


class HounsfieldWindow(Strict):
    """Hounsfield units, cut to a window, less an offset."""

    low: float
    high: float
    offset: float = 0.0

    @model_validator(mode="after")
    def _fits_together(self) -> "HounsfieldWindow":
        if not self.low < self.high:
            raise ValueError(f"low must be less than high, found {self.low} and {self.high}")
        return self

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g} HU less {self.offset:g}"


class NetworkInput(Strict):
    """What the network expects to see."""

    modality: Literal["T1", "T2", "CT"]
    axes: Annotated[str, Field(pattern="^[LRPAIS]{3}$")]
    """Where the network's three axes run, in its order: LIA for a FreeSurfer-conformed volume."""
    spacing: tuple[Millimetres, Millimetres, Millimetres] | Literal["own"]
    """Voxel size along those axes, in millimetres; ``own``: that of the scan, whatever it is."""
    normalize: Normalize | HounsfieldWindow
    grid: Literal["own", "conformed"] = "own"
    """What the network sees: the scan's own field of view at `spacing`, or FreeSurfer's conformed cube
    (256 voxels of 1 mm a side, whole numbers from 0 to 255)."""
    crop: Crop | None = None
    mirror: Annotated[str, Field(pattern="^[LRPAIS]{0,3}$")] = ""
    """Those of `axes` along which it also sees the scan mirrored: logits of all mirror images are averaged.
    Not along left and right where its labels have sides."""
    skip_background: bool = False
    """Whether what is of a tile's least value far around is copied instead of computed: see
    `medscience.inference.background`. Quicker where air is nothing but zeros, up to 5 % slower elsewhere."""

    @model_validator(mode="after")
    def _mirrors_its_own_axes(self) -> "NetworkInput":
        if not set(self.mirror) <= set(self.axes) or len(set(self.mirror)) < len(self.mirror):
            raise ValueError(
                f"mirror must name letters of axes ({self.axes}), each once; found {self.mirror!r}"
            )
        return self


class Label(Strict):
    """A class of the network's answer."""

    value: Annotated[int, Field(ge=0)]
    name: str
    color: tuple[
        Annotated[int, Field(ge=0, le=255)],
        Annotated[int, Field(ge=0, le=255)],
        Annotated[int, Field(ge=0, le=255)],
    ]


def labels_sha256(labels: Sequence[Label]) -> str:
    """Return the digest of what labels stand for: of their values and names, in order."""
    meaning = [[label.value, label.name] for label in labels]
    return hashlib.sha256(json.dumps(meaning).encode("ascii")).hexdigest()


class Output(Strict):
    """What the network's answer means."""

    labels: tuple[Label, ...]
    """One for each logit, in order; the first is the background."""
    sha256: Sha256 | None = None
    """`labels_sha256` of the labels as they were when the model was saved."""
    thresholds: tuple[Annotated[float, Field(gt=0, le=1)], ...] = ()
    """For each label but the background, the probability from which a voxel has it; where several reach
    theirs, the last one counts. None: the most likely label."""

    @model_validator(mode="after")
    def _thresholds_for_all(self) -> "Output":
        if self.thresholds and len(self.thresholds) != len(self.labels) - 1:
            raise ValueError("thresholds must be one for each label but the background")
        return self

    @model_validator(mode="after")
    def _as_saved(self) -> "Output":
        if self.sha256 not in (None, labels_sha256(self.labels)):
            raise ValueError("sha256 is that of other labels: a name was changed or two were swapped")
        return self


class Postprocess(Strict):
    """What happens to a raw decision."""

    keep: Literal["everything", "largest-component", "complete-component", "liver-and-tumours"]
    """Which 26-connected pieces of all labels together are kept: all, the largest, or the one that has the
    most of its rarest label. For a liver (1) with tumours (2): the largest, with its holes filled."""
    borders: Literal["as-found", "by-brightness"] = "as-found"
    """Whether voxels that touch another label get the one that suits their brightness best."""


class SimulatedHeads(Strict):
    """Heads of `medscience.simulate` to train on, their brightness drawn anew in every step."""

    first_seed: Annotated[int, Field(ge=0)]
    count: Side


class Cycle(Strict):
    """A training with drawn patches; a further one goes on from the weights of the one before."""

    steps: Side
    learning_rate: Annotated[float, Field(gt=0)]
    class_weights: tuple[float, ...]
    seed: int
    part: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Of the way from the weights before it to those after it that is gone in the end; less than all of it
    keeps more of what was learned before (Wortsman et al. 2022, arXiv:2109.01903)."""


class Training(Cycle):
    """How the weights were made, so that they can be made again."""

    heads: SimulatedHeads | None = None
    """None: the data come as a sheet."""
    batch: Side = 1
    """Patches in each step."""
    patch: tuple[Side, Side, Side]
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the convolutions; weights and loss are always float32."""
    then: tuple[Cycle, ...] = ()

    @property
    def cycles(self) -> tuple["Training", ...]:
        """The recipe of each cycle, the first one's first."""
        further = (self.model_copy(update=cycle.model_dump()) for cycle in self.then)
        return self, *further


def _kind_of_training(found: object) -> str:
    keys = found if isinstance(found, dict) else getattr(type(found), "model_fields", ())
    return "sheet" if "stages" in keys and "heads" not in keys else "simulated"


AnyTraining = Annotated[
    Annotated[Training, Tag("simulated")] | Annotated[Recipe, Tag("sheet")], Discriminator(_kind_of_training)
]
"""A recipe for simulated heads, or for a sheet of images and labels."""


class Accuracy(Strict):
    """A measured number and the data that it was measured on."""

    data: str
    metric: str
    value: float


class KnownAnswer(Strict):
    """A small input and its logits, beside the model file, for `medscience models check`."""

    file: FileName
    sha256: Sha256
    tolerance: Annotated[float, Field(gt=0)]
    """Largest accepted difference, as a part of the range of the expected logits."""
    computed_by: str


class Author(Strict):
    """Who made the weights."""

    name: str


class About(Strict):
    """What the file of every model says, whatever its network does."""

    format: Literal["medscience-model-1"] = MODEL_FORMAT
    name: Annotated[str, Field(pattern=NAME)]
    description: str
    authors: tuple[Author, ...]
    license: str
    """SPDX identifier of the weights' licence."""
    cite: tuple[str, ...] = ()
    track: Track
    caution: str | None = None
    """What a reader of every result must know, such as "trained on simulated data only"."""


class Weighted(Strict):
    """What a model file says of its weights."""

    weights: Weights
    accuracy: tuple[Accuracy, ...] = ()
    known_answer: KnownAnswer


class Design(About):
    """A model without its weights: what it sees, what its answer means, and how it is trained.

    ``config/recipes/NAME.yaml``.
    """

    network: Network
    input: NetworkInput
    output: Output
    postprocess: Postprocess
    training: AnyTraining | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> "Design":
        values = [label.value for label in self.output.labels]
        if values != list(range(self.network.arguments.classes)):
            raise ValueError(
                f"output.labels must be numbered 0 to {self.network.arguments.classes - 1}, one for "
                f"each class of the network; found {values}"
            )
        if self.input.grid == "conformed" and (self.input.axes, self.input.spacing) != ("LIA", (1, 1, 1)):
            raise ValueError("the conformed grid has the axes LIA and the spacing 1, 1, 1")
        if len({"LRPAIS".index(letter) // 2 for letter in self.input.axes}) != 3:
            raise ValueError(f"input.axes must name each world axis once, found {self.input.axes}")
        if self.training and self.network.name == "ensemble":
            raise ValueError("training: members of an ensemble learn apart, then `medscience models join`")
        if isinstance(self.training, Recipe):
            self._stages_fit(self.training)
        if isinstance(self.training, Recipe) and len(self.training.loss.class_weights) != len(values):
            raise ValueError(
                f"training.loss.class_weights must have one weight for each of {len(values)} classes, "
                f"found {len(self.training.loss.class_weights)}"
            )
        return self

    def _stages_fit(self, recipe: Recipe) -> None:
        hybrid = self.network.name == "hdenseunet"
        if not hybrid and (
            recipe.loss.slices or any(stage.learns != "everything" for stage in recipe.stages)
        ):
            raise ValueError("training: only an hdenseunet has parts that learn alone, and a loss of slices")
        if hybrid and any(stage.patch is None or stage.patch[0] % 4 for stage in recipe.stages):
            raise ValueError("training.stages.patch must have a multiple of 4 slices for an hdenseunet")
        deep = [stage for stage in recipe.stages if hybrid and stage.learns != "slices"]
        if any((stage.precision or recipe.precision) != "float32" for stage in deep):
            # oneDNN's gradients of a volume two slices deep
            raise ValueError("training: volumes of an hdenseunet learn wrongly but in float32")


class ModelFile(Design, Weighted):
    """The only home of what is tied to weights."""


MODELS = Path("config/models")
"""Where a model's name is looked up, from the working directory."""


RECIPES = Path("config/recipes")
"""Where the name of a recipe is looked up."""


def find_design(name_or_file: str) -> Path:
    """Return the recipe of a name in ``config/recipes``, else the model file that `find_model` finds."""
    path = RECIPES / f"{name_or_file}.yaml"
    return path if path.is_file() else find_model(name_or_file)


def find_model(name_or_file: str) -> Path:
    """Return the model file of a name in ``config/models``, or the file itself.

    Raises
    ------
    ModelError
        If there is neither such a file nor such a name.
    """
    file = Path(name_or_file)
    path = file if file.suffix == ".yaml" else MODELS / f"{name_or_file}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in MODELS.glob("*.yaml"))) or "none"
        raise ModelError(
            "MODEL-MISSING",
            file=path,
            field="model",
            found="no such file",
            expected=f"a model file, or one of: {known}",
            fix="see `medscience models list`, or bring one with `medscience models import`",
        )
    return path


def read_design(path: Path) -> Design:
    """Return the content of a recipe, or of a model file."""
    content = parse_yaml(path)
    has_weights = isinstance(content, dict) and "weights" in content
    return check(path, content, ModelFile if has_weights else Design)


def read_model(path: Path) -> ModelFile:
    """Return the content of a model file of a network that labels voxels; the weights are not touched.

    Raises
    ------
    ModelError
        If it is the file of a detector.
    """
    content = parse_yaml(path)
    if is_detector(content):
        raise ModelError(
            "MODEL-KIND",
            file=path,
            field="network.name",
            found="a network that finds antinodes in frames",
            expected="one that labels voxels",
            fix="run it with `medscience detect`, or name another model",
        )
    return check(path, content, ModelFile)


DETECTORS = ("fringe", "spnet")
"""Names of networks that find antinodes: `medscience.detector`."""


def is_detector(content: object) -> bool:
    """Whether a file's content is that of a detector, or of the recipe of one."""
    network = content.get("network") if isinstance(content, dict) else None
    return isinstance(network, dict) and network.get("name") in DETECTORS


def checked_beside(model_path: Path, name: str, sha256: str) -> Path:
    """Return the path of a file beside the model file after checking its digest.

    Raises
    ------
    ModelError
        If it is missing, or is not the file that the model file names.
    """
    path = model_path.parent / name
    try:
        found = file_sha256(path)
    except OSError as fault:
        found = type(fault).__name__
    if found != sha256:
        raise ModelError(
            "MODEL-DIGEST",
            file=path,
            field="sha256",
            found=found,
            expected=sha256,
            fix="restore the file that the model file was made with",
        )
    return path


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
