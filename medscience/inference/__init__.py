"""Exact prediction in blocks, within a promised memory."""
