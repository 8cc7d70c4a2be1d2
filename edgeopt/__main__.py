"""``python -m edgeopt`` is the command line."""

from .cli import main

main()
