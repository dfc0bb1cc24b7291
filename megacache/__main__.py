"""`python -m megacache` is the `megacache` command."""

from megacache.cli import main

main()
