"""`daybook charging`: the one switch that stops all charging (N5)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.app import app
from worker.cli.database import account_named, opened
from worker.cli.run import DataOption, complete
from worker.cli.table import show as show_table

if TYPE_CHECKING:
    from worker.config import Settings
    from worker.store.accounts import Account

OneAccount = Annotated[
    str | None, typer.Option("--account", help="Only this account; all of them unless given.", show_default=False)
]

charging = typer.Typer(no_args_is_help=True, help="Stop and resume the charging of recurring orders.")
app.add_typer(charging, name="charging")


@charging.command()
def stop(account: OneAccount = None, data: DataOption = None) -> None:
    """Stop all charging, at once: nothing is sent to Stripe any more that could move money. What came of charges that
    were sent before is still found out."""
    asyncio.run(_set(complete(data, redis=False, key=False), account, stopped=True))


@charging.command()
def resume(account: OneAccount = None, data: DataOption = None) -> None:
    """Let charging go on. What fell due meanwhile is charged now, each recurring order once."""
    asyncio.run(_set(complete(data, redis=False, key=False), account, stopped=False))


@charging.command()
def status(data: DataOption = None) -> None:
    """Show where charging is stopped, and since when."""
    asyncio.run(_status(complete(data, redis=False, key=False)))


async def _set(settings: Settings, name: str | None, *, stopped: bool) -> None:
    from worker.actions import accounts as actions
    from worker.store import accounts
    from worker.store.db import acquire

    async with opened(settings) as pool:
        if name is not None:
            chosen = [await account_named(pool, name)]
        else:
            async with acquire(pool) as connection:
                chosen = await accounts.list_(connection)
        changed = [await actions.change(pool, one.id, {"charging_stopped": stopped}) for one in chosen]
    _show(changed)


async def _status(settings: Settings) -> None:
    from worker.store import accounts
    from worker.store.db import acquire

    async with opened(settings) as pool, acquire(pool) as connection:
        found = await accounts.list_(connection)
    _show(found)


def _show(found: list[Account]) -> None:
    show_table(
        ("account", "charging", "since"),
        [
            (
                one.name,
                "stopped" if one.charging_stopped_at else "on",
                f"{one.charging_stopped_at:%Y-%m-%d %H:%M:%S} UTC" if one.charging_stopped_at else "",
            )
            for one in found
        ],
    )
