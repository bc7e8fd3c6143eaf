"""What a reconstruction will do, decided from the store of projections before anything is computed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medscience.errors import MemoryPromiseError, MismatchError
from medscience.geometry import Geometry, Reorientation
from medscience.image import Image
from medscience.reconstruct.breath import LARGEST_HOLE, Bin, bins_of, phases_of
from medscience.reconstruct.fdk import BATCH, Scanned, fdk
from medscience.reconstruct.fit import Fit, fit
from medscience.reconstruct.hounsfield import attenuation_of, hounsfield_of
from medscience.reconstruct.mckinnon import mckinnon_bates
from medscience.reconstruct.offset import check_offset
from medscience.reconstruct.overhang import overhang, taller
from medscience.reconstruct.patient import Position, iec_grid, patient_grid
from medscience.reconstruct.rooster import Rooster, rooster
from medscience.reconstruct.shroud import motion_of, shroud
from medscience.reconstruct.weights import reach
from medscience.restoration import Way
from medscience.views import Views

Volume = NDArray[np.float32]
Known = Callable[[int], Volume]
"""Gives a volume for a phase, by its number."""
SMALLEST_BIN = 8
"""Views of a phase, without which its image would be streaks only."""
LIBRARY = 1.2e9
"""Bytes that RTK takes by itself."""
SIDE = 8
"""Sides of a default grid are multiples of it, as networks like them."""


@dataclass(frozen=True, slots=True)
class Job:
    """A scan, and the grid on which it is to be seen."""

    scan: Scanned
    position: Position
    water: float
    """Attenuation in 1/mm."""
    grid: Geometry
    """In RAS+ millimetres; the isocentre is at 0."""
    iec: Geometry
    change: Reorientation
    """From the array's axes to IEC's."""
    breathing: dict[str, NDArray[np.float64]]
    inhale: str | None

    @classmethod
    def of(cls, image: Image, source: dict[str, Any]) -> "Job":
        """Return the job for projections.

        Parameters
        ----------
        image : Image
            Line integrals (view, 1, V, U).
        source : dict
            The store's facts.

        Raises
        ------
        MismatchError
            If the store does not hold a scan, or its arc gives no image.
        """
        facts = source.get("scan")
        if facts is None:
            raise MismatchError(
                "RECONSTRUCT-INPUT",
                field="scan",
                found="an image without the geometry of a scan",
                expected="a store of projections",
                fix="ingest projections with an acquisition file that names their geometry",
            )
        views = Views(**{name: np.array(column, np.float64) for name, column in facts["views"].items()})
        scan = Scanned(views, image.geometry, lambda numbers: _views(image, numbers))
        scan.check()
        grid = _grid(scan, facts)
        columns = {name: np.array(column, np.float64) for name, column in facts["breathing"].items()}
        iec, change = iec_grid(grid, facts["patient_position"])
        return cls(
            scan,
            facts["patient_position"],
            facts["water_per_mm"],
            grid,
            iec,
            change,
            columns,
            facts["inhale"],
        )

    def check_memory(self, promised: int, method: Way, phases: int) -> int:
        """Return the bytes that a reconstruction will take at most; refuse if they were not promised."""
        volume = 4.0 * np.prod(taller(self.iec, overhang(self.scan, self.iec)).shape)
        view = 4.0 * np.prod(self.scan.detector.shape)
        count = len(self.scan.views)
        held = 6 * volume + 16 * BATCH * view
        if method == "rooster":
            held = 12 * phases * volume + 8 * count * view
        if method == "fit":
            held = 10 * phases * volume + 16 * BATCH * view
        peak = LIBRARY + held + self.lines_bytes
        if peak > promised:
            raise MemoryPromiseError(
                "MEMORY-TOO-SMALL",
                field="--memory",
                found=f"{promised / 2**30:.2f}G",
                expected=f"{ceil(peak / 2**20)}M or more",
                fix="give more memory, or set a larger voxel_mm or fewer voxels in the acquisition file",
            )
        return int(peak)

    @property
    def lines_bytes(self) -> int:
        """Bytes of the shroud."""
        return 8 * 20 * len(self.scan.views) * self.scan.detector.shape[1]

    def prior(self) -> Volume:
        """Return the image from all views, in HU along the array's axes."""
        return self.seen(fdk(self.scan, np.arange(len(self.scan.views)), self.iec))

    def phases(self) -> tuple[NDArray[np.float64], dict[str, Any]]:
        """Return the phase of each view, NaN where it is not known, and how it was found.

        Raises
        ------
        MismatchError
            If nothing breathes, or the times of the views are not known where they are needed.
        """
        phase, amplitude, times = (self.breathing.get(name) for name in ("phase", "amplitude", "time_s"))
        given = phase if phase is not None else amplitude
        motion = None if times is None else self._motion(times)
        if phase is None:
            if times is None or motion is None:
                raise MismatchError(
                    "BREATHING-TIMES",
                    field="time_s",
                    found="views without times",
                    expected="times, to find breaths",
                    fix="set views_per_second in the acquisition file, and ingest again",
                )
            upward = amplitude if self.inhale == "high" or amplitude is None else -amplitude
            phase = phases_of(motion if upward is None else upward, times)
        names = {"phase": "the phases given", "amplitude": "the amplitude given"}
        how = next((text for name, text in names.items() if name in self.breathing), "the projections")
        notes = [] if given is None or motion is None else check_offset(phase, motion, times)
        return phase, {"breathing": how, "warnings": notes}

    def bins(self, phases: NDArray[np.float64], count: int) -> tuple[list[Bin], dict[str, Any]]:
        """Return the views of each phase, and what is good to know of them."""
        bins = bins_of(phases, count, self.scan.views, SMALLEST_BIN)
        holes = [b for b, found in enumerate(bins) if found.hole_deg > LARGEST_HOLE]
        text = f"RECONSTRUCT-HOLE: more than {LARGEST_HOLE:g} degrees between views of bins {holes}"
        notes = [text] if holes else []
        return bins, {
            "views": [len(found.views) for found in bins],
            "largest_hole_deg": [round(found.hole_deg, 2) for found in bins],
            "without_phase": int(np.isnan(phases).sum()),
            "warnings": notes,
        }

    def check_restored(self, restored: Image, count: int) -> None:
        """Refuse what are not so many phases of this scan, restored before, in Hounsfield units.

        Raises
        ------
        MismatchError
            If they are of another number, unit or grid.
        """
        unit, axes, shape = restored.meaning.value_unit, restored.meaning.axes, restored.shape
        if (axes, unit, shape[0]) != ("tzyx", "HU", count) or not restored.geometry.close_to(self.grid):
            raise MismatchError(
                "RECONSTRUCT-AGAIN",
                field="--again",
                found=f"axes {axes} in {unit}, {shape} voxels",
                expected=f"{count} phases (axes tzyx) in HU on the scan's grid, {self.grid.shape} voxels",
                fix="name the phases that a network restored from this scan",
            )

    def images(
        self,
        bins: list[Bin],
        phases: NDArray[np.float64],
        known: Known,
        method: Way,
        settings: Rooster | Fit | None = None,
    ) -> "Images":
        """Return how the image of each phase is made; `known` gives what is known of it, in HU."""

        def before(phase: int) -> Volume:
            turned = np.ascontiguousarray(self.change.apply(known(phase)), np.float32)
            return attenuation_of(turned, self.water)

        return Images(self, bins, phases, before, method, settings)

    @property
    def field_of_view(self) -> dict[str, float]:
        """The cylinder about the scanner's axis that all views see: its radius, and its height there."""
        views, detector = self.scan.views, self.scan.detector
        furthest = max(reach(views, detector))
        shrink = float((views.source_to_isocentre / views.source_to_detector).min())
        return {
            "radius_mm": float(views.source_to_isocentre.min() * np.sin(furthest)),
            "height_mm": float(detector.shape[1] * detector.spacing[1] * shrink),
        }

    def _motion(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Motion towards the feet, in which the diaphragm goes as someone inhales."""
        numbers = range(len(self.scan.views))
        lines = shroud(self.scan.read(np.array([n]))[0] for n in numbers)
        moved = motion_of(lines, self.scan.views, self.scan.detector, times)
        return -moved if self.position.startswith("HF") else moved

    def seen(self, attenuation: Volume) -> Volume:
        """Return attenuation along IEC's axes as HU along the array's."""
        turned = self.change.inverse.apply(hounsfield_of(attenuation, self.water))
        return np.asarray(turned, np.float32)


@dataclass(frozen=True, slots=True)
class Images:
    """The images of all phases, one by one."""

    job: Job
    bins: list[Bin]
    known: NDArray[np.float64]
    before: Known
    """What is known of a phase before: attenuation along IEC's axes."""
    method: Way
    settings: Rooster | Fit | None
    """Of a method that makes all phases at once."""

    def of(self, wanted: list[int]) -> Iterator[tuple[int, Volume]]:
        """Yield some phases, each with its number, in HU along the array's axes."""
        job = self.job
        if how := self.settings:
            begun = np.stack([self.before(b) for b in range(len(self.bins))])
            given = job.scan, self.known, job.iec, begun
            every = fit(*given, how) if isinstance(how, Fit) else rooster(*given, how)
            yield from ((b, job.seen(every[b])) for b in wanted)
            return
        for b in wanted:
            chosen = self.bins[b].views
            if self.method == "fdk":
                found = fdk(job.scan, chosen, job.iec)
            else:
                found = mckinnon_bates(job.scan, chosen, job.iec, self.before(b))
            yield b, job.seen(found)


def _views(image: Image, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
    """Read views by their numbers."""
    whole = (slice(None),) * 3
    return np.concatenate([image.read((slice(int(n), int(n) + 1), *whole))[:, 0] for n in numbers])


def _grid(scan: Scanned, facts: dict[str, Any]) -> Geometry:
    """The grid that was asked for, or one that holds the field of view."""
    views, detector = scan.views, scan.detector
    shrink = float((views.source_to_isocentre / views.source_to_detector).mean())
    step = facts.get("voxel_mm") or round(min(detector.spacing[1:]) * shrink, 3)
    voxels = facts.get("voxels")
    if voxels is None:
        radius = float(views.source_to_isocentre.mean() * np.sin(max(reach(views, detector))))
        lengths = (detector.shape[1] * detector.spacing[1] * shrink, 2 * radius, 2 * radius)
        voxels = [SIDE * ceil(length / step / SIDE) for length in lengths]
    z, y, x = voxels
    return patient_grid(facts["patient_position"], (z, y, x), (step, step, step))
