"""Turn a raw decision into labels."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from medscience.description import Design
    from medscience.image import Image
    from medscience.postprocess.refine import Values
    from medscience.store.images import StoredImage


def postprocess(
    prediction: Annotated[Path, typer.Argument(help="what `predict` wrote")],
    model: Annotated[str, typer.Argument(help="a name in config/models, or a model file")],
    destination: Annotated[Path, typer.Argument(help="NAME.ome.zarr, or its commit")],
    image: Annotated[
        Path | None, typer.Option(help="the image: for models whose borders follow its brightness")
    ] = None,
) -> None:
    """Clean a prediction as its model file says."""
    from medscience.description import file_sha256, find_model, read_model
    from medscience.errors import MismatchError
    from medscience.postprocess.refine import settled
    from medscience.postprocess.rules import KEEP
    from medscience.store.commit import Provenance
    from medscience.store.images import ImageWriter, open_image
    from medscience.store.metadata import Content
    from medscience.store.staging import is_done, staged

    path = find_model(model)
    description = read_model(path)
    stored = open_image(prediction)
    labels = stored.content.labels
    if labels is None or stored.commit.provenance.inputs.get("model") != file_sha256(path):
        raise MismatchError(
            "POSTPROCESS-MODEL",
            file=stored.path,
            field="model",
            found=f"a prediction by {labels.model if labels else 'no model'}, perhaps as it was",
            expected=f"one by {path} as it is now",
            fix="predict again, or name the model that made it",
        )
    settings: dict[str, object] = {"keep": description.postprocess.keep}
    inputs = {"prediction": stored.commit.digest}
    by_brightness = description.postprocess.borders == "by-brightness"
    if by_brightness:
        scan = _image_of(stored, labels.image_digest, image)
        settings["borders"], inputs["image"] = description.postprocess.borders, scan.commit.digest
    provenance = Provenance("postprocess", settings, inputs)
    if is_done(destination, provenance):
        return
    everything = (slice(None),) * 3
    with staged(destination, provenance) as staging:
        raw = stored.volume("postprocess").read(everything)
        cleaned = KEEP[description.postprocess.keep](raw)
        final = cleaned.labels
        if by_brightness:
            values, spacing = _values(scan.image, description), scan.image.geometry.spacing
            final, staging.record["border_steps"] = settled(final, values, spacing)
            staging.record["voxels_redrawn"] = int((final != cleaned.labels).sum())
        content = Content.of(stored.image.meaning, labels=labels, source=stored.content.source)
        writer = ImageWriter(staging, content, raw.shape, raw.dtype)
        writer.write(tuple(slice(0, n) for n in raw.shape), final)
        writer.finish()
        staging.record["pieces_removed"] = cleaned.pieces_removed
        staging.record["voxels_removed"] = cleaned.voxels_removed
        staging.record["voxels_filled"] = cleaned.voxels_filled
        staging.record["warnings"] = list(cleaned.warnings)


def _image_of(prediction: "StoredImage", wanted: str, image: Path | None) -> "StoredImage":
    """Return the image that a prediction was made from."""
    from medscience.errors import MismatchError
    from medscience.store.images import open_image

    scan = open_image(image) if image else None
    if scan is None or scan.commit.digest != wanted:
        raise MismatchError(
            "POSTPROCESS-IMAGE",
            file=prediction.path,
            field="--image",
            found=f"{scan.path}, {scan.commit.digest[:12]}" if scan else "none",
            expected=f"the image that it was made from, {wanted[:12]}: it decides where labels end",
            fix="name the image with --image",
        )
    return scan


def _values(image: "Image", description: "Design") -> "Values":
    """Return what gives the brightness of a region as the network sees it."""
    from medscience.preprocess.normalize import normalization

    normalized = normalization(image, description.input.normalize)
    return lambda region: normalized(image.read(region))
