"""Labels that a person changes."""
