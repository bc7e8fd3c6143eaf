"""Group G: geometry of cone-beam scans, projections, and the breathing signal."""

import re

import numpy as np
import SimpleITK as sitk

from medscience.errors import about
from medscience.image import Image
from medscience.ingest.choices import Choices
from medscience.ingest.formats import open_source
from medscience.reconstruct.job import Job
from medscience.views import Views
from tests.bad.nifti import ingesting
from tests.bad.reading import reading, whole
from tests.ingest.panels import WRITERS
from tests.ingest.scans import I0, circle, counts, table, write_scan, write_stack

TIMES = np.arange(240) / 8


def scanning(*arguments, **changes):
    """A scan on disk, and an attempt to read all of it."""
    return lambda folder: reading(*write_scan(folder, *arguments, **changes))


def told_otherwise(pattern, replacement, **changes):
    """A scan whose geometry file is edited."""

    def make(folder):
        written = write_scan(folder, **changes)
        path = folder / "geometry.xml"
        text, edits = re.subn(pattern, replacement, path.read_text(), flags=re.DOTALL)
        assert edits
        path.write_text(text)
        return reading(*written)

    return make


def without(key, **changes):
    """A scan whose acquisition file does not say something."""
    return scanning(**{key: None}, **changes)


def folder_of(ending, change):
    """A scan with a file for each view; `change` is called with the folder."""

    def make(folder):
        stack = counts(shape=(16, 16))
        _, acquisition = write_scan(folder, stack)
        files = folder / "views"
        files.mkdir()
        for n, view in enumerate(stack):
            (files / f"view_{n}{ending}").write_bytes(WRITERS[ending](view))
        change(files)
        return reading(files, acquisition)

    return make


def edited(name, change):
    """Change the bytes of a file of a folder."""
    return lambda files: (files / name).write_bytes(change((files / name).read_bytes()))


LONE = "<SourceToIsocenterDistance>[^<]*"

one_row_less = scanning(counts(30), circle(29))
one_view_less = scanning(counts(29), circle(30))
missing_file = folder_of(".his", lambda files: (files / "view_12.his").unlink())
missing_last_file = folder_of(".his", lambda files: (files / "view_29.his").unlink())
wrapped = scanning(views=Views.circle(np.mod(350 + np.arange(30) * 12.0, 360), 1000, 1536))
reversed_and_not_said = scanning(views=Views.circle(-np.arange(30) * 12.0, 1000, 1536))
reversed_and_said = scanning(
    views=Views.circle(np.mod(-np.arange(30) * 12.0, 360), 1000, 1536), rotation="anticlockwise"
)
direction_not_said = without("rotation")
radians = scanning(views=Views.circle(np.radians(np.arange(30) * 12.0), 1000, 1536))
source_behind_the_detector = told_otherwise(LONE, "<SourceToIsocenterDistance>1600")
no_distance = told_otherwise(LONE, "<SourceToIsocenterDistance>0")
nan_distance = told_otherwise(LONE, "<SourceToIsocenterDistance>nan")
metres = told_otherwise(LONE, "<SourceToIsocenterDistance>1.0")
another_matrix = told_otherwise("<GantryAngle>12.0", "<GantryAngle>19.0")
half_fan_without_offset = scanning(fan="half")
full_fan_with_offset = scanning(views=circle(detector_u=10.0))
fan_not_said = without("fan")
air_missing = scanning(i0=None, air="air.mha")
saturated_declared = scanning(np.where(counts() > 46000, 65535, counts()).astype(np.uint16))
negative = scanning(np.where(counts() < 3000, -5, counts().astype(np.int32)))
integrals_declared_counts = scanning(np.log(I0 / counts()).astype(np.float32) + 0.1)
counts_declared_integrals = scanning(values="line-integrals", i0=None)
sizes_differ = folder_of(
    ".his", lambda files: (files / "view_3.his").write_bytes(WRITERS[".his"](counts(1, shape=(12, 12))[0]))
)
his_cut = folder_of(".his", edited("view_3.his", lambda content: content[:-100]))
hnd_cut = folder_of(".hnd", edited("view_3.hnd", lambda content: content[:-9]))
xim_cut = folder_of(".xim", edited("view_3.xim", lambda content: content[:-100]))
hnd_table = folder_of(".hnd", edited("view_3.hnd", lambda c: c[:1030] + bytes([c[1030] ^ 2]) + c[1031:]))
xim_table = folder_of(".xim", edited("view_3.xim", lambda c: c[:50] + bytes([255]) + c[51:]))
short_signal = scanning(breathing=table(phase=np.arange(20) / 20))
backward_times = scanning(breathing=table(time_s=[*range(15), *range(13, 28)], phase=np.arange(30) / 30))
nan_time = scanning(breathing=table(time_s=[0, np.nan, *range(2, 30)], phase=np.arange(30) / 30))
polarity_not_said = scanning(breathing=table(amplitude=np.sin(np.arange(30))))
polarity_said = scanning(breathing=table(amplitude=np.sin(np.arange(30))), inhale="low")
per_cent = scanning(breathing=table(phase=np.linspace(0, 99, 30)))
phase_of_one = scanning(breathing=table(phase=np.linspace(0, 1, 30)))


def copied_view(folder):
    """One projection stands in for another."""
    stack = counts()
    stack[20] = stack[19]
    return reading(*write_scan(folder, stack))


def gap_in_the_signal(folder):
    """A signal on its own clock that stops for two seconds."""
    clock = np.concatenate([np.arange(0, 3, 0.04), np.arange(5, 9, 0.04)])
    signal = table(time_s=clock, amplitude=np.sin(clock))
    return reading(*write_scan(folder, breathing=signal, inhale="high", views_per_second=4))


def dead_air(folder, **changes):
    """The air of two pixels is zero."""
    air = np.full((1, 12, 16), I0, np.uint16)
    air[0, 3:5, 4] = 0
    folder.mkdir(exist_ok=True)
    write_stack(folder / "air.mha", air)
    return reading(*write_scan(folder, i0=None, air="air.mha", **changes))


def dead_air_interpolated(folder):
    return dead_air(folder, dead_pixels="interpolate")


def breathes(times):
    """The end of an inhalation is at 1, 5, 9 ... seconds."""
    return np.mod((np.asarray(times) - 1) / 4, 1)


def moving(times):
    """Line integrals of an edge that breathes along v, brighter across u in the middle."""
    v, u = np.indices((40, 16))
    low = 20 - 6 * np.cos(np.pi * breathes(times)) ** 4
    edge = 1 / (1 + np.exp(v[None] - low[:, None, None]))
    rng = np.random.default_rng(4)
    integrals = edge * (1 + np.exp(-(((u - 7.5) / 5) ** 2))) + 0.2
    return rng.poisson(I0 * np.exp(-integrals)).astype(np.uint16)


def reconstructing(folder, phases=4, views=None, **changes):
    """A scan of eight breaths, and an attempt to find its phases, which gives the codes of its notes."""
    views = Views.circle(np.arange(240) * 1.5, 1000, 1536) if views is None else views
    path, acquisition = write_scan(folder, moving(np.arange(len(views)) / 8), views, **changes)

    def attempt():
        source = open_source(path, acquisition, Choices())
        stack = whole(source).reshape(source.shape)
        with about(path):
            job = Job.of(Image(stack, source.meaning), source.facts)
            found, told = job.phases()
            _, noted = job.bins(found, phases)
        return [note.partition(":")[0] for note in told["warnings"] + noted["warnings"]]

    return attempt


def good_scan(folder):
    """One minute, so that a bin's views are at most 20 degrees apart."""
    times = np.arange(480) / 8
    views = Views.circle(np.arange(480) * 0.75, 1000, 1536)
    return reconstructing(folder, views=views, breathing=table(time_s=times, phase=breathes(times)))


def breath_in_the_projections(folder):
    return reconstructing(folder, views_per_second=8)


def too_short_an_arc(folder):
    views = Views.circle(np.arange(240) * 0.6, 1000, 1536)
    return reconstructing(folder, views=views, breathing=table(phase=breathes(TIMES)))


def flat_signal(folder):
    signal = table(time_s=TIMES, amplitude=np.full(240, 3.0))
    return reconstructing(folder, breathing=signal, inhale="high")


def turned_signal(folder):
    """Someone says that the amplitude is high where it is low."""
    signal = table(time_s=TIMES, amplitude=-(np.cos(np.pi * breathes(TIMES)) ** 4))
    return reconstructing(folder, breathing=signal, inhale="high")


def empty_bin(folder):
    signal = table(phase=breathes(TIMES) * 0.6)
    return reconstructing(folder, breathing=signal)


def few_views_in_a_bin(folder):
    return reconstructing(folder, phases=40, breathing=table(phase=breathes(TIMES)))


def hole_in_a_bin(folder):
    """All views from 100 to 140 degrees are of one phase."""
    phase = np.mod(np.arange(240) * 0.31, 1)
    phase[66:94] = 0.5
    return reconstructing(folder, breathing=table(phase=phase))


def clock_is_off(folder):
    """The signal's clock is a second late: a quarter of a breath."""
    return reconstructing(folder, breathing=table(time_s=TIMES, phase=breathes(TIMES + 1)))


def phase_folders(folder, shape=lambda phase: (3, 4, 5)):
    for phase in (0, 10, 100, 20):
        (folder / "4d" / str(phase)).mkdir(parents=True)
        volume = np.full(shape(phase), phase, np.int16)
        sitk.WriteImage(sitk.GetImageFromArray(volume), folder / "4d" / str(phase) / "volume.mha")
    (folder / "phases.yaml").write_text("phases: true\n")
    return folder / "4d", folder / "phases.yaml"


def phases_by_number(folder):
    written = phase_folders(folder)

    def attempt():
        found = whole(open_source(*written)).reshape(4, -1)[:, 0].tolist()
        return [] if found == [0, 10, 20, 100] else found

    return attempt


def phases_of_two_grids(folder):
    return reading(*phase_folders(folder, lambda phase: (3, 4, 6 if phase == 20 else 5)))


BOMB = "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 9 if n else "1"}">' for n in range(9))
entity_bomb = told_otherwise("<!DOCTYPE RTKGEOMETRY>", f"<!DOCTYPE RTKGEOMETRY [{BOMB}]>")
external_entity = told_otherwise(
    "<!DOCTYPE RTKGEOMETRY>", '<!DOCTYPE RTKGEOMETRY [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
)
external_type = told_otherwise("<!DOCTYPE RTKGEOMETRY>", '<!DOCTYPE RTKGEOMETRY SYSTEM "http://127.0.0.1/x">')
unknown_version = told_otherwise('version="3"', 'version="4"')
cut_geometry = told_otherwise("</RTKThreeDCircularGeometry>", "")
unknown_element = told_otherwise(
    "<GantryAngle>12.0<", "<CollimationUInf>3</CollimationUInf><GantryAngle>12.0<"
)


def attenuation_for_hounsfield(folder):
    """A 4D image in 1/mm."""
    values = np.random.default_rng(0).random((3, 4, 5, 6)).astype(np.float32) * np.float32(0.03)
    path = folder / "mu.mha"
    sitk.WriteImage(sitk.GetImageFromArray(values, isVector=False), path)
    told = folder / "phases.yaml"
    told.write_text("phases: true\n")
    return ingesting(path, folder, acquisition=told, hounsfield=True)
