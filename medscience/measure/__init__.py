"""Numbers from labels and images."""
