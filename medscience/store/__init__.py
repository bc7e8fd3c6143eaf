"""Committed OME-Zarr stores: what is on disk is complete and checked, or it is not there."""
