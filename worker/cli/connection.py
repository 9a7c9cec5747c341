"""`daybook connection`: the inbound sources, over the API of the running instance."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Annotated, Any

import typer

from worker.cli.app import app
from worker.cli.instance import Api, Instance, TokenOption, UrlOption, api, find
from worker.cli.run import DataOption
from worker.cli.table import show
from worker.errors import UserError

connection = typer.Typer(no_args_is_help=True, help="Add, list and rotate connections.")
app.add_typer(connection, name="connection")

NameArgument = Annotated[str, typer.Argument(help="Name of the connection.", show_default=False)]
SecretOption = Annotated[
    str,
    typer.Option(
        "--secret-env",
        metavar="VAR",
        help="Environment variable that holds the secret; several are separated by commas.",
        show_default=False,
    ),
]


@connection.command()
def add(
    name: NameArgument,
    provider: Annotated[
        str, typer.Option(help="Who sends: stripe, shopify, woocommerce, standard, ...", show_default=False)
    ],
    secret_env: SecretOption,
    setting: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="A setting; V is JSON, or else text.", show_default=False)
    ] = None,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
) -> None:
    """Add a connection. The secret comes from the environment, so that it is in no shell history."""
    body = {
        "name": name,
        "provider": provider,
        "secrets": secrets_of(secret_env),
        "settings": dict(setting_of(text) for text in setting or ()),
    }
    instance = find(data, url, token)
    asyncio.run(_add(instance, body))


@connection.command("list")
def list_(url: UrlOption = None, token: TokenOption = None, data: DataOption = None) -> None:
    """List the connections with their webhook addresses."""
    instance = find(data, url, token)
    asyncio.run(_list(instance))


@connection.command()
def rotate(
    name: NameArgument,
    secret_env: SecretOption,
    replace: Annotated[bool, typer.Option("--replace", help="End the old secrets now.")] = False,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
) -> None:
    """Give a connection a new secret. The old ones stay valid beside it, so that no delivery is lost; once the provider
    signs with the new one, end them with --replace."""
    instance = find(data, url, token)
    asyncio.run(_rotate(instance, name, secrets_of(secret_env), replace))


async def _add(instance: Instance, body: dict[str, Any]) -> None:
    async with api(instance) as calls:
        made = await calls.call("POST", "/connections", body)
    typer.echo(f"Connection {made['name']} takes deliveries at {instance.url}{made['path']}")


async def _list(instance: Instance) -> None:
    async with api(instance) as calls:
        found = await calls.items("/connections")
    rows = [(one["name"], one["provider"], one["secrets"], f"{instance.url}{one['path']}") for one in found]
    show(("name", "provider", "secrets", "address"), sorted(rows))


async def _rotate(instance: Instance, name: str, secrets: list[str], replace: bool) -> None:
    async with api(instance) as calls:
        held = await named(calls, name)
        made = await calls.call("PATCH", f"/connections/{held['id']}", {"secrets": secrets, "keep_old": not replace})
    count = made["secrets"]
    typer.echo(f"Connection {name}: {count} {'secret is' if count == 1 else 'secrets are'} valid now.")


async def named(calls: Api, name: str) -> dict[str, Any]:
    """The connection of a name."""
    for one in await calls.items("/connections"):
        if one["name"] == name:
            return one
    raise UserError(
        f"There is no connection {name}.",
        remedy="See `daybook connection list`, or add it with `daybook connection add`.",
    )


def secrets_of(variable: str) -> list[str]:
    """The secrets in an environment variable, in their order."""
    found = [part.strip() for part in os.environ.get(variable, "").split(",") if part.strip()]
    if not found:
        raise UserError(
            f"The environment variable {variable} is not set, or empty.",
            remedy=f"Set it to the secret that the provider shows: export {variable}=...",
        )
    return found


def setting_of(text: str) -> tuple[str, Any]:
    """`name=value` as a pair: the value as JSON where it is JSON, else as the text it is."""
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise UserError(f"--setting {text} is not of the form name=value.")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value
