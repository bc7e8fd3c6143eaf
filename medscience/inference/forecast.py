"""What predictions will take, from the grids of images alone: before a voxel is there."""

from dataclasses import dataclass, field

from torch import nn

from medscience.description import Design
from medscience.geometry import Geometry
from medscience.inference.engine import Engine, Precision, engine
from medscience.inference.frame import grid_of_frame
from medscience.inference.gpu import Gpu
from medscience.inference.job import mirrors_of, planned
from medscience.inference.link import Link
from medscience.inference.pace import seconds_per_voxel
from medscience.inference.plan import Plan


@dataclass(frozen=True, slots=True)
class Forecaster:
    """A model and its settings, looked at once for the images of a cohort."""

    design: Design
    network: nn.Module
    memory: int
    """Bytes promised to one prediction."""
    engine: Engine
    seconds_per_voxel: float
    """Of a tile, on this machine's processors, with as many threads as torch has now; also for a GPU."""
    _plans: dict[tuple[object, ...], Plan] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        model: tuple[Design, nn.Module],
        memory: int,
        precision: Precision,
        maps: tuple[str, ...] = (),
        gpu: Gpu | None = None,
    ) -> "Forecaster":
        """Return the forecaster of a model, such as from `medscience.models.zoo.load`."""
        mirrors, skips = mirrors_of(model[0]), model[0].input.skip_background
        ready = engine(model[1], precision, maps, mirrors=mirrors, gpu=gpu, skips=skips)
        return cls(*model, memory, ready, seconds_per_voxel(ready))

    def plan(self, grid: Geometry) -> Plan:
        """Return the plan for an image on a grid (Z, Y, X); scans of one protocol are planned once.

        Raises
        ------
        MemoryPromiseError
            If it does not fit.
        """
        protocol = grid.shape, tuple(round(side, 3) for side in grid.spacing), grid.orientation
        if protocol not in self._plans:
            link = Link(grid, grid_of_frame(grid, self.design.input))
            self._plans[protocol] = planned(link, self.network, self.engine, self.memory)
        return self._plans[protocol]

    def seconds(self, plan: Plan) -> float:
        """Return about how long the network takes for all blocks of a plan."""
        return plan.computed * self.seconds_per_voxel * len(self.engine.mirrors)
