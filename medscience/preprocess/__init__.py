"""From stored values to what a network was trained on, block by block."""
