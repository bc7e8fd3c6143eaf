"""Whether an image is one of phases that a network can restore, and its prior the one that belongs to it."""

import numpy as np
from numpy.typing import NDArray

from medscience.errors import InputError, MismatchError
from medscience.image import Image
from medscience.inference.frame import AIR, SPACING_AGREES
from medscience.restoration import RestoringDesign


def check_phases(image: Image) -> None:
    """Refuse an image that is not one of phases in a patient, in Hounsfield units.

    Raises
    ------
    InputError
        If its axes, place or numbers are others.
    """
    meaning = image.meaning
    if meaning.axes != "tzyx" or meaning.space != "patient" or image.shape[1] == 1:
        raise InputError(
            "RESTORE-AXES",
            field="image",
            found=f"axes {meaning.axes}, shape {image.shape}, in {meaning.space}",
            expected="phases of a volume in a patient, axes tzyx",
            fix="name the store of the phase-binned image",
        )
    _check_unit(image)


def check_prior(image: Image, prior: Image) -> None:
    """Refuse an image of all phases that is not one volume on the phases' grid.

    Raises
    ------
    MismatchError
        If it is another.
    """
    if prior.meaning.axes != "zyx" or not prior.geometry.close_to(image.geometry):
        raise MismatchError(
            "RESTORE-PRIOR",
            field="--prior",
            found=f"axes {prior.meaning.axes}, {prior.shape} voxels of {_millimetres(prior)}",
            expected=f"axes zyx, on the phases' grid: {image.shape[1:]} voxels of {_millimetres(image)}",
            fix="give the reconstruction from all projections, or none for the mean of the phases",
        )
    _check_unit(prior)


def check_method(method: str | None, model: RestoringDesign) -> None:
    """Refuse phases that were reconstructed in another way than those that a network learned from.

    Parameters
    ----------
    method : str or None
        How they were reconstructed; None: nobody knows.
    model : RestoringDesign
        Its `input.reconstruction` is what is wanted.

    Raises
    ------
    MismatchError
        If it is known to be another.
    """
    wanted = model.input.reconstruction
    if method not in {None, wanted}:
        raise MismatchError(
            "RESTORE-METHOD",
            field="method",
            found=f"phases by {method}",
            expected=f"phases by {wanted}, from which {model.name} learned",
            fix=f"reconstruct with --method {wanted}",
        )


def notes_of(
    image: Image, prior: Image | None, method: str | None, model: RestoringDesign
) -> tuple[str, ...]:
    """Return what a reader of a restored image should know of how it was seen."""
    notes = []
    if prior is None:
        notes.append("the prior is the mean of the phases")
    if method is None:
        notes.append(
            f"it is not known how the phases were reconstructed; {model.name} learned from phases by "
            f"{model.input.reconstruction}"
        )
    if image.meaning.value_unit is None:
        notes.append(f"the image names no unit: its numbers were taken for {model.input.values.unit}")
    if image.shape[0] != model.input.phases:
        notes.append(f"{image.shape[0]} phases; {model.name} was trained with {model.input.phases}")
    found = image.geometry.reoriented(image.geometry.reorientation(model.input.axes)).spacing
    if model.input.spacing and not np.allclose(found, model.input.spacing, rtol=SPACING_AGREES, atol=0):
        trained = " x ".join(f"{side:g}" for side in model.input.spacing)
        notes.append(f"voxels of {_millimetres(image)}; {model.name} was trained at {trained} mm")
    return tuple(notes)


def finite(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return values, all of which are finite.

    Raises
    ------
    InputError
        If one is not: it would spoil all that the network sees together with it.
    """
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(
            "RESTORE-NOT-FINITE",
            field="voxels",
            found=f"{int((~np.isfinite(values)).sum())} that are not finite",
            expected="numbers",
            fix="reconstruct again, or fill what lies outside of the field of view with air",
        )
    return values


def _check_unit(image: Image) -> None:
    """Refuse an image in another unit, or in none where nothing is as dark as air is in Hounsfield units."""
    unit = image.meaning.value_unit
    if unit == "HU":
        return
    middle = [slice(n // 2, n // 2 + 1) for n in image.shape[:-2]]
    darkest = float(np.min(image.read((*middle, slice(None), slice(None)))))
    if unit is not None or not darkest < AIR:
        raise InputError(
            "RESTORE-UNIT",
            field="voxels",
            found=unit or f"no unit, and nothing below {darkest:.4g} in the middle slice",
            expected=f"Hounsfield units, with air below {AIR:g}",
            fix="calibrate the reconstruction to Hounsfield units",
        )


def _millimetres(image: Image) -> str:
    return " x ".join(f"{side:.3g}" for side in image.geometry.spacing) + " mm"
