"""Which kind of model a file is about: one that gives labels, antinodes, or an image."""

from pathlib import Path

from medscience.config.yaml import check, parse_yaml
from medscience.description import ModelFile, is_detector
from medscience.detector import DetectorFile
from medscience.restoration import RestoringModel, is_restoring

AnyModel = ModelFile | DetectorFile | RestoringModel


def read_any_model(path: Path) -> AnyModel:
    """Return the content of a model file, of whatever kind; the weights are not touched."""
    content = parse_yaml(path)
    if is_detector(content):
        return check(path, content, DetectorFile)
    if is_restoring(content):
        return check(path, content, RestoringModel)
    return check(path, content, ModelFile)
