"""`daybook account`: the tenants of this installation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.app import app
from worker.cli.database import DEFAULT_ACCOUNT, account_named, opened
from worker.cli.run import DataOption, complete
from worker.cli.table import show as show_table

if TYPE_CHECKING:
    from worker.config import Settings

account = typer.Typer(no_args_is_help=True, help="List and show accounts.")
app.add_typer(account, name="account")


@account.command("list")
def list_(data: DataOption = None) -> None:
    """List the accounts."""
    asyncio.run(_list(complete(data, redis=False, key=False)))


@account.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of the account.")] = DEFAULT_ACCOUNT, data: DataOption = None
) -> None:
    """Show one account."""
    asyncio.run(_show(complete(data, redis=False, key=False), name))


async def _list(settings: Settings) -> None:
    from worker.store import accounts
    from worker.store.db import acquire

    async with opened(settings) as pool, acquire(pool) as connection:
        found = await accounts.list_(connection)
    show_table(
        ("name", "currency", "timezone", "registry", "id"),
        [(one.name, one.currency, one.timezone, _switch(one.registry_enabled), one.id) for one in found],
    )


async def _show(settings: Settings, name: str) -> None:
    from worker.store import connections, tokens

    async with opened(settings) as pool:
        one = await account_named(pool, name)
        sources = await connections.list_(pool, one.id)
        held = await tokens.list_(pool, one.id)
    for label, value in (
        ("name", one.name),
        ("id", one.id),
        ("currency", one.currency),
        ("timezone", one.timezone),
        ("registry", _switch(one.registry_enabled)),
        ("made", f"{one.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("connections", ", ".join(sorted(source.name for source in sources)) or "none"),
        ("tokens", ", ".join(token.name for token in held if token.revoked_at is None) or "none"),
    ):
        typer.echo(f"{label:<12} {value}")


def _switch(on: bool) -> str:
    return "on" if on else "off"
