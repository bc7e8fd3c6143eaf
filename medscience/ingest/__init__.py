"""Readers of other people's formats: each gives a `Source`, read once, front to back."""
