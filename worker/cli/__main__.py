"""`python -m worker.cli` is `daybook`."""

from worker.cli.app import main

main()
