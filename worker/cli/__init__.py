"""The command `daybook`. Thin: each command reads its options, then calls the room that does the work."""

from worker.cli.app import main

__all__ = ["main"]
