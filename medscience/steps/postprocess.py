"""Turn a raw decision into labels."""

from pathlib import Path
from typing import Annotated

import typer


def postprocess(
    prediction: Annotated[Path, typer.Argument(help="what `predict` wrote")],
    model: Annotated[str, typer.Argument(help="a name in config/models, or a model file")],
    destination: Annotated[Path, typer.Argument(help="NAME.ome.zarr, or its commit")],
) -> None:
    """Clean a prediction as its model file says."""
    from medscience.description import file_sha256, find_model, read_model
    from medscience.errors import MismatchError
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
    provenance = Provenance(
        "postprocess",
        {"keep": description.postprocess.keep},
        {"prediction": stored.commit.digest},
    )
    if is_done(destination, provenance):
        return
    everything = (slice(None),) * 3
    with staged(destination, provenance) as staging:
        raw = stored.volume("postprocess").read(everything)
        cleaned = KEEP[description.postprocess.keep](raw)
        content = Content.of(stored.image.meaning, labels=labels, source=stored.content.source)
        writer = ImageWriter(staging, content, raw.shape, raw.dtype)
        writer.write(tuple(slice(0, n) for n in raw.shape), cleaned.labels)
        writer.finish()
        staging.record["pieces_removed"] = cleaned.pieces_removed
        staging.record["voxels_removed"] = cleaned.voxels_removed
        staging.record["voxels_filled"] = cleaned.voxels_filled
        staging.record["warnings"] = list(cleaned.warnings)
