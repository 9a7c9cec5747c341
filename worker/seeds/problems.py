"""What is wrong with a seed file: each fault with its line, and the whole as one error."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from handlers.errors import Refused
from handlers.seed_text import Entry, FaultyError, line_of
from worker.errors import UserError

SHOWN = 20
ENOUGH = 1000
"""After so many faults the rest of the file is not looked at."""


class Problems:
    """The faults of one file."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._found: list[tuple[int, str]] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def enough(self) -> bool:
        return len(self._found) >= ENOUGH

    def refused(self, entry: Entry, error: Refused) -> None:
        """An entry that a rule refuses."""
        field = error.field or ""
        self._add(entry, field.split(".") if field else (), f"{error.message} {error.remedy}")

    def invalid(self, entry: Entry, error: ValidationError) -> None:
        """An entry with fields that are not as they should be."""
        for wrong in error.errors(include_url=False, include_context=False, include_input=False):
            path = wrong["loc"]
            text = wrong["msg"].removeprefix("Value error, ")
            self._add(entry, path, f"{'.'.join(map(str, path))}: {text}".removeprefix(": "))

    def faulty(self, error: FaultyError) -> None:
        """Text that cannot be read on."""
        self._found.append((error.line, f"{error.problem}. {error.remedy}"))

    def _add(self, entry: Entry, path: Sequence[str | int], text: str) -> None:
        self._found.append((line_of(entry, path), text))

    def end(self) -> None:
        """Raise UserError if there are any: nothing of the file is kept."""
        if not self._found:
            return
        found = sorted(self._found)
        lines = [f"{self._name}:{line}: {text.strip()}" for line, text in found[:SHOWN]]
        if len(found) > SHOWN:
            lines.append(f"... and {len(found) - SHOWN:,} more")
        things = "1 thing is" if len(found) == 1 else f"{len(found):,} things are"
        raise UserError("\n".join([*lines, f"{things} wrong. Nothing of {self._name} was imported.\n"]))
