"""``python -m medscience`` is the command line."""

from medscience.cli import main

main()
