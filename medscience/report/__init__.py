"""A page that a person reads."""
