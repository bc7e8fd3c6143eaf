"""From images and labels to weights."""
