"""The commands that run Daybook: `up`, `receive`, `work`, `migrate`; and how a command finds its settings."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.app import app
from worker.errors import DATABASE_ERRORS, UserError

if TYPE_CHECKING:
    from worker.config import Settings

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Data directory. [dim]env DAYBOOK_DATA, else .daybook[/]", show_default=False),
]
MetricsPort = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        help="Serve metrics and health here; 0 takes a free port and logs it. [dim]env DAYBOOK_METRICS_PORT[/]",
        show_default=False,
    ),
]


@app.command()
def up(
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port to answer on; 0 takes a free one. [dim]env PORT, else 8080[/]",
            show_default=False,
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Run a whole Daybook here: receiver and worker, with a PostgreSQL and a Valkey of its own.

    DATABASE_URL and REDIS_URL name others to use instead. Ctrl-C stops everything in order.
    """
    from worker.config import load
    from worker.local.up import up as run

    run(load(**_given(port=port, data=data)))


@app.command()
def receive(metrics_port: MetricsPort = None) -> None:
    """Run one receiver against DATABASE_URL and REDIS_URL. SIGTERM drains it."""
    settings = complete(metrics_port=metrics_port)
    from worker.serve import run

    with _schema_of_today():
        run(settings)


@app.command()
def work(metrics_port: MetricsPort = None) -> None:
    """Run one worker against DATABASE_URL and REDIS_URL. SIGTERM drains it."""
    settings = complete(metrics_port=metrics_port)
    from worker.work import run

    with _schema_of_today():
        run(settings)


@contextmanager
def _schema_of_today() -> Iterator[None]:
    """A start on a schema that lacks what the code asks for ends in a sentence: whoever restarts it in a circle reads
    it in the last lines of the log."""
    import asyncpg

    try:
        yield
    except (asyncpg.UndefinedColumnError, asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError):
        raise UserError(
            "The database's schema is older than this version.", remedy="Run `daybook migrate`, then start it again."
        ) from None


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""

    from worker.store.migrate import migrate as run

    settings = complete(redis=False, key=False)
    try:
        applied = asyncio.run(run(settings.database_url or ""))
    except DATABASE_ERRORS as error:
        raise UserError(
            f"The database cannot be migrated: {str(error) or type(error).__name__}.",
            remedy="See that PostgreSQL runs and that DATABASE_URL is right.",
        ) from None
    for name in applied:
        typer.echo(f"applied {name}")
    typer.echo("The schema is up to date.")


def complete(
    data: Path | None = None, *, redis: bool = True, key: bool = True, metrics_port: int | None = None
) -> Settings:
    """The settings with the addresses and the secret key in them, or a `UserError` that says which is missing.

    The addresses are of the environment, else of the `daybook up` that runs on the data directory; the key is of the
    environment, else of the file in it.
    """
    from pydantic import SecretStr

    from worker.config import load
    from worker.local.datadir import DataDir, secret_keys

    settings = load(**_given(data=data, metrics_port=metrics_port))
    directory = DataDir.find(settings.data)
    running = directory.read_json(directory.servers)
    found: dict[str, Any] = {
        "database_url": settings.database_url or running.get("database_url"),
        "redis_url": settings.redis_url or running.get("redis_url"),
    }
    for name in ("database_url", "redis_url") if redis else ("database_url",):
        if not found[name]:
            raise UserError(
                f"{name.upper()} is not set, and no `daybook up` is running on {directory.path}.",
                remedy=f"Set {name.upper()}, or start `daybook up`.",
            )
    keys = secret_keys(settings, directory)
    if key and not keys:
        raise UserError(
            f"There is no secret key: DAYBOOK_SECRET_KEY is not set and {directory.secret_key} does not exist.",
            remedy="Set DAYBOOK_SECRET_KEY to the key that the database's secrets were encrypted with.",
        )
    if keys:
        found["secret_key"] = SecretStr(",".join(keys))
    return settings.model_copy(update=found)


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given; the others are left to the environment."""
    return {name: value for name, value in options.items() if value is not None}
