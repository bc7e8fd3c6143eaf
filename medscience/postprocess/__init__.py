"""From a network's raw decision to labels."""
