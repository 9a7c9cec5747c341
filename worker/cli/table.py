"""Lists on the command line: aligned columns for people, which programs can still split at two blanks."""

from __future__ import annotations

from collections.abc import Sequence

import typer


def show(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print the rows below their head; nothing but a sentence where there are none."""
    if not rows:
        typer.echo("There are none.")
        return
    lines = [tuple(str(cell) for cell in row) for row in (tuple(name.upper() for name in head), *rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
