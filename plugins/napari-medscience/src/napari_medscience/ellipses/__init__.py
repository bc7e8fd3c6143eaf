"""Ellipses with ring counts in frames of a recording."""
