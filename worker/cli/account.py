"""`daybook account`: the tenants of this installation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.app import app
from worker.cli.database import DEFAULT_ACCOUNT, account_named, opened
from worker.cli.run import DataOption, complete
from worker.cli.table import show as show_table
from worker.errors import UserError

if TYPE_CHECKING:
    from worker.config import Settings
    from worker.store.accounts import Account

NameArgument = Annotated[str, typer.Argument(help="Name of the account.")]
CurrencyOption = Annotated[str | None, typer.Option(help="Currency of orders that name none.", show_default=False)]
TimezoneOption = Annotated[str | None, typer.Option(help="IANA name, such as America/Sao_Paulo.", show_default=False)]

account = typer.Typer(no_args_is_help=True, help="Add, list, show and set accounts.")
app.add_typer(account, name="account")


@account.command("list")
def list_(data: DataOption = None) -> None:
    """List the accounts."""
    asyncio.run(_list(complete(data, redis=False, key=False)))


@account.command()
def show(name: NameArgument = DEFAULT_ACCOUNT, data: DataOption = None) -> None:
    """Show one account."""
    asyncio.run(_show(complete(data, redis=False, key=False), name))


@account.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits, - and _.", show_default=False)],
    currency: CurrencyOption = None,
    timezone: TimezoneOption = None,
    data: DataOption = None,
) -> None:
    """Add an account and print its administrator's token, which is shown this once. Its registry is off at first."""
    given = {"currency": currency, "timezone": timezone}
    asyncio.run(_add(complete(data, redis=False, key=False), name, _named(given)))


@account.command("set")
def set_(
    name: NameArgument = DEFAULT_ACCOUNT,
    currency: CurrencyOption = None,
    timezone: TimezoneOption = None,
    owner_privacy: Annotated[
        bool | None,
        typer.Option("--owner-privacy/--no-owner-privacy", help="A rep sees only what they own.", show_default=False),
    ] = None,
    private_targets: Annotated[
        bool | None,
        typer.Option(
            "--private-targets/--no-private-targets",
            help="Outgoing webhooks may go to private addresses.",
            show_default=False,
        ),
    ] = None,
    retry_interval: Annotated[
        list[int] | None,
        typer.Option(
            metavar="SECONDS",
            help="Pause before a further attempt to charge; give it several times.",
            show_default=False,
        ),
    ] = None,
    retention_days: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS",
            min=0,
            help="Days for which the bodies of settled events are kept; 0 for ever.",
            show_default=False,
        ),
    ] = None,
    registry: Annotated[
        bool | None,
        typer.Option("--registry/--no-registry", help="Whether orders are kept.", show_default=False),
    ] = None,
    data: DataOption = None,
) -> None:
    """Change settings of an account."""
    given = {
        "currency": currency,
        "timezone": timezone,
        "owner_privacy": owner_privacy,
        "private_targets": private_targets,
        "retry_intervals_s": retry_interval or None,
        "registry_enabled": registry,
    }
    named = _named(given)
    if retention_days is not None:
        named["retention_days"] = retention_days or None
    asyncio.run(_set(complete(data, redis=False, key=False), name, named))


@account.command()
def enable_registry(name: NameArgument = DEFAULT_ACCOUNT, data: DataOption = None) -> None:
    """Enable an account's order registry: the events that were kept meanwhile are applied, oldest first."""
    asyncio.run(_set(complete(data, redis=False, key=False), name, {"registry_enabled": True}))


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
    _print(
        *_lines(one),
        ("connections", ", ".join(sorted(source.name for source in sources)) or "none"),
        ("tokens", ", ".join(token.name for token in held if token.revoked_at is None) or "none"),
    )


async def _add(settings: Settings, name: str, given: dict[str, Any]) -> None:
    import asyncpg

    from handlers.errors import Refused
    from worker.actions import accounts as actions
    from worker.store import accounts, tokens
    from worker.store.db import acquire

    try:
        actions.check(given)
    except Refused as error:
        raise UserError(error.message, remedy=error.remedy) from None
    async with opened(settings) as pool:
        try:
            async with acquire(pool) as connection:
                one, new = await accounts.add(connection, name, **given)
        except asyncpg.CheckViolationError:
            raise UserError(
                "This cannot be the name of an account.", remedy="Use lower-case letters, digits, - and _, up to 63."
            ) from None
        if not new:
            raise UserError(f"There is an account {name} already.", remedy=f"See `daybook account show {name}`.")
        typer.echo(await tokens.issue(pool, one.id, "admin", "admin"))


async def _set(settings: Settings, name: str, given: dict[str, Any]) -> None:
    from pydantic import ValidationError

    from handlers.errors import Refused
    from schemas.api.account import AccountPatch
    from worker.actions import accounts as actions

    if not given:
        raise UserError("Nothing to set.", remedy="See `daybook account set --help`.")
    try:
        checked = AccountPatch.model_validate(given).model_dump(exclude_unset=True)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise UserError(f"{wrong['loc'][0]}: {wrong['msg']}.", remedy="See `daybook account set --help`.") from None
    async with opened(settings) as pool:
        one = await account_named(pool, name)
        try:
            changed = await actions.change(pool, one.id, checked)
        except Refused as error:
            raise UserError(error.message, remedy=error.remedy) from None
    _print(*_lines(changed))


def _lines(one: Account) -> tuple[tuple[str, str], ...]:
    return (
        ("name", one.name),
        ("id", one.id),
        ("currency", one.currency),
        ("timezone", one.timezone),
        ("registry", _switch(one.registry_enabled)),
        ("privacy", _switch(one.owner_privacy)),
        ("retries", ", ".join(f"{seconds} s" for seconds in one.retry_intervals_s)),
        ("private", _switch(one.private_targets)),
        ("bodies", "kept for ever" if one.retention_days is None else f"kept for {one.retention_days} days"),
        ("made", f"{one.created_at:%Y-%m-%d %H:%M:%S} UTC"),
    )


def _print(*lines: tuple[str, str]) -> None:
    for label, value in lines:
        typer.echo(f"{label:<12} {value}")


def _named(given: dict[str, Any]) -> dict[str, Any]:
    """What was given on the command line."""
    return {name: value for name, value in given.items() if value is not None}


def _switch(on: bool) -> str:
    return "on" if on else "off"
