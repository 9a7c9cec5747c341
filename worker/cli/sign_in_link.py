"""`daybook sign-in-link`: a link to the screens that signs one browser in, once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from worker.cli.app import app
from worker.cli.database import opened
from worker.cli.instance import Instance, TokenOption, UrlOption, find
from worker.cli.run import DataOption, complete
from worker.errors import UserError

if TYPE_CHECKING:
    from worker.config import Settings


@app.command("sign-in-link")
def sign_in_link(url: UrlOption = None, token: TokenOption = None, data: DataOption = None) -> None:
    """Print a link to the screens that works once, for 15 minutes."""
    instance = find(data, url, token)
    typer.echo(instance.url + asyncio.run(_path(complete(data, redis=False, key=False), instance, data)))


async def _path(settings: Settings, instance: Instance, data: Path | None) -> str:
    """The link's path. It stands for the token that was given, else for the administrator of the data directory."""
    from worker import bootstrap

    if instance.token is None:
        raise UserError("There is no token to sign in as.", remedy="Give one with --token.")
    async with opened(settings) as pool:
        path = await bootstrap.sign_in_link(pool, instance.token)
    if path is None:
        raise UserError("The token is not known to this database, or was revoked.", remedy="Give another with --token.")
    return path
