"""`daybook reconcile`: what a platform lists, compared with what was received; what is missing is put through."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from worker.cli.app import app
from worker.cli.instance import Api, Instance, TokenOption, UrlOption, api, find
from worker.cli.run import DataOption
from worker.cli.table import show
from worker.errors import UserError

LOOK_S = 0.5
APPLIED_WITHIN_S = 120.0
"""How long what was put through is waited for; what takes longer is printed as it is then."""
SHOWN = 100
"""Differences that are printed; the API lists them all."""
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@app.command()
def reconcile(
    connection: Annotated[
        str, typer.Argument(metavar="CONNECTION", help="Name of the connection, as in its address.", show_default=False)
    ],
    since: Annotated[
        str,
        typer.Option(
            metavar="T", help="From when on: 2026-11-20, 2026-11-20T08:00:00Z, or 12h, 3d ago.", show_default=False
        ),
    ],
    until: Annotated[
        str | None, typer.Option(metavar="T", help="Until when. [dim]else now[/]", show_default=False)
    ] = None,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
) -> None:
    """Compare what the platform lists with what was received, and put what is missing through the inbox.

    Prints what there is by day, then each difference. Nothing is doubled, however often it is done.
    """
    now = datetime.now(UTC)
    body = {"since": moment(since, now, "--since")}
    if until is not None:
        body["until"] = moment(until, now, "--until")
    instance = find(data, url, token)
    asyncio.run(_reconcile(instance, connection, body))


async def _reconcile(instance: Instance, name: str, body: dict[str, str]) -> None:
    async with api(instance) as calls:
        path = f"/connections/{await _id_of(calls, name)}/reconciliations"
        run = await calls.call("POST", path, body)
        path = f"{path}/{run['id']}"
        with _progress() as say:
            left_s = APPLIED_WITHIN_S
            while run["state"] == "running" or (run["pending"] and left_s > 0):
                say(run)
                await asyncio.sleep(LOOK_S)
                run = await calls.call("GET", path)
                left_s -= LOOK_S if run["state"] != "running" else 0
        _show_days(run)
        rows = (await calls.call("GET", f"{path}/differences?limit={SHOWN}"))["items"] if run["platform"] else []
    _show_differences(rows)
    if run["state"] == "failed":
        raise UserError(f"It was not looked at to the end: {run['problem']}", remedy="Mend that and start it again.")


async def _id_of(calls: Api, name: str) -> str:
    for one in await calls.items("/connections"):
        if one["name"] == name:
            return str(one["id"])
    raise UserError(f"There is no connection {name}.", remedy="See `daybook connection list`.")


def _show_days(run: dict[str, Any]) -> None:
    columns = ("day", "platform", "received", "recovered", "applied")
    rows = [[day[name] for name in columns] for day in run["days"]]
    if len(rows) > 1:
        rows.append(["all", *(run[name] for name in columns[1:])])
    show(columns, rows)


def _show_differences(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    typer.echo("")
    columns = ("occurred_at", "topic", "delivery_id", "kind", "state", "event", "reason")
    show(
        columns,
        [
            [*(row[name] for name in columns[:5]), row["id"], row["reason"] or ""]
            for row in rows
        ],
    )  # fmt: skip
    if len(rows) == SHOWN:
        typer.echo(f"These are the newest {SHOWN}; the API lists them all.")


def moment(text: str, now: datetime, option: str) -> str:
    """A time that a person typed, as the API takes it."""
    if found := re.fullmatch(r"(\d{1,4})([mhdw])", text):
        at = now - timedelta(**{UNITS[found[2]]: int(found[1])})
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"{option} {text} is not a time.", remedy="Give it as 2026-11-20, 2026-11-20T08:00:00Z, 12h or 3d."
        ) from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def _progress() -> Iterator[Callable[[dict[str, Any]], None]]:
    """How far it is, shown where somebody watches."""
    if not sys.stderr.isatty():
        yield lambda _run: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("Reconciling"), BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1.0)

        def say(run: dict[str, Any]) -> None:
            held_up = f", held up: {run['problem']}" if run["problem"] else ""
            told = f"{run['platform']} listed, {run['recovered']} were missing{held_up}"
            bar.update(task, completed=run["progress"], description=told)

        yield say
