"""Phantoms, Hypothesis strategies and contracts for tests, ours and others'."""
