"""`daybook send`: payload files, signed as the provider would sign them, posted to a running instance."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.app import app
from worker.cli.instance import Instance, TokenOption, UrlOption, api, explain, find, unreachable
from worker.cli.run import DataOption
from worker.errors import UserError

if TYPE_CHECKING:
    from schemas.provider import Adapter

BAR_FROM = 20
"""More files than this get a progress bar, on a terminal."""
TOPICS_SHOWN = 8
TAKEN = ("accepted", "duplicate", "pong")


@dataclass(frozen=True)
class Target:
    """One webhook address, and how its provider signs."""

    address: str
    adapter: Adapter
    secret: bytes
    settings: Mapping[str, Any]


@app.command()
def send(
    connection: Annotated[
        str, typer.Argument(metavar="CONNECTION", help="Name of the connection, as in its address.", show_default=False)
    ],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Bodies as the provider posts them.", show_default=False)
    ],
    topic: Annotated[
        str | None,
        typer.Option(
            help="Topic of all files. [dim]else from each file's name before __, or its body[/]", show_default=False
        ),
    ] = None,
    url: UrlOption = None,
    secret: Annotated[
        str | None,
        typer.Option(
            help="Secret to sign with. [dim]else of the environment or the data directory[/]", show_default=False
        ),
    ] = None,
    token: TokenOption = None,
    data: DataOption = None,
) -> None:
    """Sign payload files as the provider would, and post them.

    One line a file: the answer, the event, the file. The same file is the same delivery, however often it is sent.
    """
    bodies = [(path, _read(path)) for path in files]
    instance = find(data, url, token)
    failed = asyncio.run(_send_all(instance, connection, bodies, topic, secret, data))
    if failed:
        sys.exit(1)


async def _send_all(
    instance: Instance,
    connection: str,
    bodies: Sequence[tuple[Path, bytes]],
    topic: str | None,
    secret: str | None,
    data: Path | None,
) -> int:
    """Post every file; how many were not taken."""
    import aiohttp

    target = await _target(instance, connection, secret, data)
    failed = 0
    with _lines(len(bodies)) as (say, step):
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            for path, body in bodies:
                try:
                    line, taken = await _send(session, target, path.name, body, topic)
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    raise unreachable(instance, error) from None
                say(line)
                step()
                failed += not taken
    return failed


async def _send(session: Any, target: Target, file: str, body: bytes, topic: str | None) -> tuple[str, bool]:
    """Post one file: its line, and whether it was taken."""
    try:
        named = topic or topic_of(file, target.adapter.TOPICS, body)
    except UserError as error:
        return _refusal("-", file, str(error)), False
    signed = target.adapter.sign(body, named, target.secret, time.time(), target.settings)
    async with session.post(
        target.address, data=body, headers={"Content-Type": "application/json", **signed}
    ) as answer:
        return outcome(answer.status, await _content(answer), file)


async def _target(instance: Instance, connection: str, secret: str | None, data: Path | None) -> Target:
    from worker.providers import adapters

    provider, settings = await _provider(instance, connection)
    adapter = adapters().get(provider)
    if adapter is None:
        raise UserError(
            f"The provider {provider} is not installed here.", remedy=f"Installed: {', '.join(adapters())}."
        )
    address = f"{instance.url}/webhooks/{connection}"
    return Target(address, adapter, secret_of(connection, secret, data).encode(), settings)


async def _provider(instance: Instance, connection: str) -> tuple[str, Mapping[str, Any]]:
    """Which provider a connection is of, and its settings: the instance knows. Without a token the name has to do."""
    from worker.providers import adapters

    if instance.token is None:
        if connection in adapters():
            return connection, {}
        raise UserError(
            f"Which provider {connection} is of can only be asked with a token.", remedy="Give one with --token."
        )
    async with api(instance) as calls:
        for one in await calls.items("/connections"):
            if one["name"] == connection:
                return one["provider"], one.get("settings") or {}
    raise UserError(
        f"There is no connection {connection}.",
        remedy="See `daybook connection list`, or add it with `daybook connection add`.",
    )


def secret_of(connection: str, given: str | None, data: Path | None) -> str:
    """The secret to sign with: the option, else the environment's first, else the one that the first start made up."""
    from worker.config import load
    from worker.local.datadir import DataDir

    if given is not None:
        if not given.strip():
            raise UserError("The secret is empty.", remedy="Give the connection's secret with --secret.")
        return given.strip()
    settings = load(**({"data": data} if data else {}))
    if known := settings.webhook_secrets(connection):
        return known[0]
    directory = DataDir.find(settings.data)
    if kept := directory.read_json(directory.secrets).get(connection):
        return str(kept)
    raise UserError(
        f"The secret of {connection} is not known here.",
        remedy="Give it with --secret: what is stored is never shown again.",
    )


def topic_of(file: str, topics: Sequence[str], body: bytes) -> str:
    """The topic that a file's name says before `__` (the whole stem where there is none), else the one in the body.

    `orders_create__x.json` is `orders/create` where the provider has that topic, `order_updated__x.json` is
    `order.updated`, and `fulfillments__x.json` the first topic that begins with that word.
    """
    stem = file.rsplit(".", 1)[0]
    wanted = _plain(stem.split("__", 1)[0])
    for fits in (str.__eq__, str.startswith):  # `fulfillments` is the first topic that begins so
        for topic in topics:
            if wanted and fits(_plain(topic), wanted):
                return topic
    if named := _topic_in(body):
        return named
    known = ", ".join(topics[:TOPICS_SHOWN]) + (", ..." if len(topics) > TOPICS_SHOWN else "")
    raise UserError("Its name says no topic that this provider has.", remedy=f"Give it with --topic, one of: {known}.")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _topic_in(body: bytes) -> str:
    """The topic of providers that put it into the body, as Stripe does."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    found = content.get("type") if isinstance(content, dict) else None
    return found if isinstance(found, str) else ""


def outcome(status: int, content: Any, file: str) -> tuple[str, bool]:
    """The line that a file gets, and whether it was taken."""
    said = str(content.get("status", "")) if isinstance(content, dict) and status < 300 else ""
    if said in TAKEN:
        return f"{said:<9}  {content.get('event', '-'):<36}  {file}", True
    return _refusal(str(status), file, explain(status, content)), False


def _refusal(status: str, file: str, why: str) -> str:
    return f"{'refused':<9}  {status:<36}  {file}: {why}"


async def _content(answer: Any) -> Any:
    try:
        return json.loads(await answer.read())
    except ValueError:
        return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from None


@contextmanager
def _lines(total: int) -> Iterator[tuple[Callable[[str], None], Callable[[], None]]]:
    """How a line is said and a step is counted: plainly, or with a progress bar where there are many and somebody
    watches."""
    if total <= BAR_FROM or not sys.stdout.isatty():
        yield typer.echo, lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("Sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("send", total=total)
        yield (
            lambda line: bar.console.print(line, markup=False, highlight=False, soft_wrap=True),
            lambda: bar.advance(task),
        )
