"""The adapters that are installed: every entry point of the group `daybook.providers`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from schemas.provider import Adapter


@cache
def adapters() -> dict[str, Adapter]:
    """Adapter by provider name."""
    return {
        entry.name: entry.load()
        for entry in sorted(entry_points(group="daybook.providers"), key=lambda entry: entry.name)
    }
