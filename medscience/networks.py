"""Networks that label voxels, as a model file names them, and their arguments."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from medscience.config.yaml import Strict

Side = Annotated[int, Field(gt=0)]


class MeshNetArguments(Strict):
    """Arguments of `medscience.models.meshnet.MeshNet`."""

    channels: Side
    classes: Annotated[int, Field(ge=2)]
    dilations: Annotated[tuple[Side, ...], Field(min_length=1)]
    activation: Literal["relu", "elu", "gelu"]
    norm: Literal["none", "batch", "instance"] = "none"
    """After every hidden convolution; ``none`` also where batch normalisation is folded in."""
    bias: bool = True
    """Whether the hidden convolutions have a bias; the head always does."""
    cell: Side = 1
    """Voxels along each axis that are one voxel to the hidden convolutions."""

    @model_validator(mode="after")
    def _spread_evenly(self) -> "MeshNetArguments":
        if self.channels % self.cell**3:
            raise ValueError(
                f"channels must be a multiple of {self.cell**3}, the voxels of a cell; found {self.channels}"
            )
        return self


class BranchArguments(Strict):
    """Widths and depths of `medscience.models.denseunet.DenseUNet`."""

    stem: Side
    growth: Side
    blocks: Annotated[tuple[Side, ...], Field(min_length=4, max_length=4)]
    up: Annotated[tuple[Side, ...], Field(min_length=5, max_length=5)]

    @property
    def skipped(self) -> tuple[int, ...]:
        """Channels of what the path down gives at the levels to which the steps up lead, coarse to fine."""
        first = self.stem + self.blocks[0] * self.growth
        return first // 2 + self.blocks[1] * self.growth, first, self.stem


class HDenseUNetArguments(Strict):
    """Arguments of `medscience.models.hdenseunet.HDenseUNet`."""

    classes: Annotated[int, Field(ge=2)]
    slices: BranchArguments
    volume: BranchArguments
    skips: bool = False
    """Whether the branch on slices has skips, as in the paper; the released network has none."""
    window: Literal[8, 12] = 8
    """Slices that the branch on volumes sees at once."""
    step: Side = 2
    """Slices from one window to the next."""
    edges: Literal["neighbours", "duplicated"] = "neighbours"
    """What a window's outermost slices see beyond it; ``duplicated`` is as released."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Part of the last features, on slices and fused, that is left out in training; 0.3 as published."""

    @model_validator(mode="after")
    def _fits_together(self) -> "HDenseUNetArguments":
        if self.slices.up[-1] != self.volume.up[-1]:
            raise ValueError("slices.up and volume.up must end with as many channels, which are added")
        if self.step > self.window - 2:
            raise ValueError(f"step must be at most {self.window - 2}, or slices are left out")
        if self.skips and self.slices.up[:3] != self.slices.skipped:
            raise ValueError(f"with skips, slices.up must begin with {self.slices.skipped}")
        return self


class EnsembleArguments(Strict):
    """Arguments of `medscience.models.ensemble.Ensemble`."""

    members: Annotated[int, Field(ge=2)]
    each: MeshNetArguments

    @property
    def classes(self) -> int:
        """Number of logits."""
        return self.each.classes


def _kind_of_network(found: object) -> str:
    keys = found if isinstance(found, dict) else getattr(type(found), "model_fields", ())
    return "hdenseunet" if "slices" in keys else "ensemble" if "members" in keys else "meshnet"


class Network(Strict):
    """Which network, and its arguments."""

    name: Literal["meshnet", "hdenseunet", "ensemble"]
    arguments: Annotated[
        Annotated[MeshNetArguments, Tag("meshnet")]
        | Annotated[HDenseUNetArguments, Tag("hdenseunet")]
        | Annotated[EnsembleArguments, Tag("ensemble")],
        Discriminator(_kind_of_network),
    ]

    @model_validator(mode="after")
    def _fits_together(self) -> "Network":
        if self.name != _kind_of_network(self.arguments):
            raise ValueError(f"arguments are not those of a {self.name}")
        return self
