"""`daybook token`: who may use the API and the screens, over the API of the running instance."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from worker.cli.app import app
from worker.cli.instance import Instance, TokenOption, UrlOption, api, find
from worker.cli.run import DataOption
from worker.cli.table import show
from worker.errors import UserError

token = typer.Typer(no_args_is_help=True, help="Create, list and revoke tokens.")
app.add_typer(token, name="token")


@token.command("add", hidden=True)
@token.command()
def create(
    name: Annotated[str, typer.Option(help="Who or what will use it.", show_default=False)],
    role: Annotated[str, typer.Option(help="admin, manager or rep.")] = "rep",
    permission: Annotated[
        list[str] | None, typer.Option(help="A permission; give it several times.", show_default=False)
    ] = None,
    url: UrlOption = None,
    asking: TokenOption = None,
    data: DataOption = None,
) -> None:
    """Create a token and print it. It is shown this once: only its hash is kept."""
    instance = find(data, url, asking)
    asyncio.run(_create(instance, {"name": name, "role": role, "permissions": sorted(set(permission or ()))}))


@token.command("list")
def list_(url: UrlOption = None, asking: TokenOption = None, data: DataOption = None) -> None:
    """List the tokens; what they are is never shown."""
    instance = find(data, url, asking)
    asyncio.run(_list(instance))


@token.command()
def revoke(
    which: Annotated[str, typer.Argument(metavar="NAME|ID", help="Name or id of the token.", show_default=False)],
    url: UrlOption = None,
    asking: TokenOption = None,
    data: DataOption = None,
) -> None:
    """Revoke a token: it, and every browser that signed in with it, is out at once."""
    instance = find(data, url, asking)
    asyncio.run(_revoke(instance, which))


async def _create(instance: Instance, body: dict[str, Any]) -> None:
    async with api(instance) as calls:
        made = await calls.call("POST", "/tokens", body)
    typer.echo(made["token"])


async def _list(instance: Instance) -> None:
    async with api(instance) as calls:
        found = await calls.items("/tokens")
    rows = [
        (
            one["name"],
            one["role"],
            ",".join(one["permissions"]) or "-",
            "revoked" if one.get("revoked_at") else "valid",
            one["created_at"][:19].replace("T", " "),
            one["id"],
        )
        for one in found
    ]
    show(("name", "role", "permissions", "state", "created", "id"), rows)


async def _revoke(instance: Instance, which: str) -> None:
    async with api(instance) as calls:
        found = [one for one in await calls.items("/tokens") if which in (one["id"], one["name"])]
        valid = [one for one in found if not one.get("revoked_at")] or found
        if not valid:
            raise UserError(f"There is no token {which}.", remedy="See `daybook token list`.")
        if len(valid) > 1:
            raise UserError(
                f"{len(valid)} tokens are named {which}.", remedy="Name one by its id: see `daybook token list`."
            )
        await calls.call("DELETE", f"/tokens/{valid[0]['id']}")
    typer.echo(f"Token {valid[0]['name']} is revoked.")
