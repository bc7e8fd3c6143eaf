"""An imaging workbench for MRI, CT, 4D cone-beam CT and high-speed ESPI video."""

__version__ = "0.1.0"
