"""`daybook import` and `daybook export`: an account's orders, and what they speak of, as files (T7)."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.app import app
from worker.cli.database import DEFAULT_ACCOUNT, AccountOption, account_named, opened
from worker.cli.run import DataOption, complete
from worker.errors import UserError

if TYPE_CHECKING:
    from worker.config import Settings

Advance = Callable[[int], None]


@app.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Seed files; see docs/seeds.md.", show_default=False)
    ],
    account: AccountOption = DEFAULT_ACCOUNT,
    data: DataOption = None,
) -> None:
    """Make what seed files say: orders, templates, contacts, products, locations and more.

    Each file is imported as a whole or not at all, and may be imported again: what is there stays as it is.
    """
    asyncio.run(_import(complete(data, redis=False, key=False), files, account))


@app.command("export")
def export(
    file: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write. [dim]else standard output[/]", show_default=False),
    ] = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    data: DataOption = None,
) -> None:
    """Write an account's orders, and all that they speak of, as a seed file for `daybook import`."""
    asyncio.run(_export(complete(data, redis=False, key=False), file, account))


async def _import(settings: Settings, files: list[Path], name: str) -> None:
    from worker.seeds.check import check
    from worker.seeds.load import load
    from worker.seeds.problems import Problems

    async with opened(settings, keyed=True) as pool:
        account_id = (await account_named(pool, name)).id
        for file in files:
            problems = Problems(str(file))
            size = file.stat().st_size if file.is_file() else 0
            with _bar("Reading", size) as advance:
                found = check(file, problems, advance)
            with closing(found):
                problems.end()
                with _bar("Importing", found.count) as advance:
                    counts = await load(pool, account_id, found, problems, advance, at=time.time())
            typer.echo(
                f"{file}: {counts.made:,} made, {counts.changed:,} changed, {counts.unchanged:,} as they were already"
            )


async def _export(settings: Settings, file: Path | None, name: str) -> None:
    from worker.seeds.dump import entries
    from worker.store import seeds
    from worker.store.db import to_json
    from worker.store.snapshot import snapshot

    async with opened(settings) as pool:
        account_id = (await account_named(pool, name)).id
        with _written(file) as write:
            async with snapshot(pool) as connection:
                total = await seeds.count(connection, account_id)
                written = 0
                with _bar("Exporting", total) as advance:
                    async for entry in entries(connection, account_id):
                        write(("[\n" if not written else ",\n") + to_json(entry))
                        written += 1
                        advance(1)
                write("\n]\n" if written else "[]\n")
    if file:
        typer.echo(f"{file}: {written:,} entries")


@contextmanager
def _written(file: Path | None) -> Iterator[Callable[[str], object]]:
    """Where the export goes. A file appears when it is whole."""
    if file is None:
        yield sys.stdout.write
        return
    try:
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}.", remedy="Name another file.") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as temporary:
            yield temporary.write
        Path(name).replace(file)
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def _bar(label: str, total: int) -> Iterator[Advance]:
    """A progress bar on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn(f"{label:<9}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.advance(task, done)
