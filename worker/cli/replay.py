"""`daybook replay`: events applied again, by id or by filter; with `--dry-run`, what that would change."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from worker.cli.app import app
from worker.cli.instance import Api, Instance, TokenOption, UrlOption, api, find
from worker.cli.reconcile import moment
from worker.cli.run import DataOption
from worker.cli.table import show
from worker.errors import UserError

IDS_A_CALL = 1000
LOOK_S = 0.5
CELL = 60
"""Characters of a value that a table shows."""
OPEN = ("received", "retrying")

Body = dict[str, Any]
Say = Callable[[str, int, int], None]


@app.command()
def replay(
    events: Annotated[
        list[str] | None,
        typer.Argument(metavar="[EVENT_ID]...", help="Events by their ids.", show_default=False),
    ] = None,
    connection: Annotated[
        str | None, typer.Option(metavar="C", help="Of this connection, by its name.", show_default=False)
    ] = None,
    state: Annotated[
        str | None, typer.Option(metavar="S", help="In this state, such as dead.", show_default=False)
    ] = None,
    topic: Annotated[
        str | None, typer.Option(metavar="T", help="Of this topic; charge.* for all that begin so.", show_default=False)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="T", help="Received from then on: 2026-11-20, 2026-11-20T08:00:00Z, or 12h, 3d ago.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="Received before.", show_default=False)] = None,
    q: Annotated[
        str | None,
        typer.Option(
            "--q", metavar="TEXT", help="A delivery id, or the id of an object or order that they speak of.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; print what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Annotated[
        float, typer.Option(metavar="S", min=0, max=86_400, help="Seconds to wait for what becomes of them.")
    ] = 60,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
) -> None:  # fmt: skip
    """Apply events again: these, or all that the filters find. Harmless on what was applied already.

    Prints what became of them, and exits 1 where some are dead again.
    """
    now = datetime.now(UTC)
    given = {"connection": connection, "state": state, "topic": topic, "q": q}
    filters: Body = {name: value for name, value in given.items() if value is not None}
    if since is not None:
        filters["received_from"] = moment(since, now, "--since")
    if until is not None:
        filters["received_to"] = moment(until, now, "--until")
    ids = list(dict.fromkeys(events or ()))
    if not ids and not filters:
        raise UserError(
            "Nothing says which events are meant.", remedy="Give their ids, or a filter such as --state dead."
        )
    parts = [{**filters, "ids": ids[at : at + IDS_A_CALL]} for at in range(0, len(ids), IDS_A_CALL)] or [filters]
    instance = find(data, url, token)
    if dry_run:
        asyncio.run(_dry_run(instance, parts))
        return
    states = asyncio.run(_replay(instance, parts, None if ids or yes else _agree, wait))
    if states.get("dead"):
        raise typer.Exit(1)


def _agree(count: str) -> None:
    """Ask the person at the terminal."""
    if not sys.stdin.isatty():
        raise UserError(f"{count} would be applied again.", remedy="Say --yes if that is what you want.")
    typer.confirm(f"Apply {count} again?", abort=True)


async def _replay(
    instance: Instance, parts: Sequence[Body], agree: Callable[[str], None] | None, wait_s: float
) -> Mapping[str, int]:
    async with api(instance) as calls:
        total, capped, there = 0, False, 0
        for part in parts:
            counted = await calls.call("POST", "/events/replay", {**part, "dry_run": True, "examine": 0})
            total += counted["count"]
            capped |= counted["capped"]
            there += sum(counted["by_state"].values())
        named = sum(len(part.get("ids", ())) for part in parts)
        if there < named:
            typer.echo(f"{_events(named - there)} of those ids cannot be found, or not by these filters.")
        if not total:
            typer.echo("There is nothing to apply again.")
            return {}
        count = f"more than {total:,} events" if capped else _events(total)
        if agree:
            agree(count)
        typer.echo(f"Applying {count} again.")
        with _progress() as say:
            done: list[str] = []
            for part in parts:
                async for ids in _set_back(calls, part):
                    done += ids
                    say("sent", len(done), total)
            states = await _followed(calls, done, wait_s, lambda settled: say("settled", settled, len(done)))
    show(("state", "events"), sorted(states.items()))
    if left := sum(states.get(name, 0) for name in OPEN):
        typer.echo(f"{_events(left)} not settled yet: see the lanes, or ask again with --wait.")
    if states.get("dead"):
        typer.echo("The reasons of those that are dead are on their pages: /dead-letters.")
    return states


async def _set_back(calls: Api, part: Body) -> AsyncIterator[list[str]]:
    """Set back all that one filter finds, as fast as there is room; their ids, as they are set back."""
    more: Body = {}
    while True:
        found = await calls.call("POST", "/events/replay", {**part, **more})
        yield found["event_ids"]
        if not found["next_cursor"]:
            return
        if not found["count"]:
            await asyncio.sleep(LOOK_S)
        more = {"cursor": found["next_cursor"]}


async def _followed(calls: Api, ids: Sequence[str], wait_s: float, say: Callable[[int], None]) -> Mapping[str, int]:
    """What became of events, once they are settled or the time is over."""
    parts = [ids[at : at + IDS_A_CALL] for at in range(0, len(ids), IDS_A_CALL)]
    states: list[Mapping[str, int]] = [{"received": len(part)} for part in parts]
    until = asyncio.get_running_loop().time() + wait_s
    while True:
        for place, part in enumerate(parts):
            if any(states[place].get(name) for name in OPEN):
                body = {"ids": part, "dry_run": True, "examine": 0}
                states[place] = (await calls.call("POST", "/events/replay", body))["by_state"]
        found = Counter[str]()
        for one in states:
            found.update(one)
        left = sum(found[name] for name in OPEN)
        say(len(ids) - left)
        if not left or asyncio.get_running_loop().time() >= until:
            return found
        await asyncio.sleep(LOOK_S)


async def _dry_run(instance: Instance, parts: Sequence[Body]) -> None:
    async with api(instance) as calls:
        found = [await calls.call("POST", "/events/replay", {**part, "dry_run": True}) for part in parts]
    rows = [row for one in found for row in one["changes"]]
    if rows:
        show(("order", "field", "from", "to", "events"), [_row(row) for row in rows])
        typer.echo("")
    failed = [row for one in found for row in one["not_applied"]]
    if failed:
        show(("event", "state", "reason"), [[row["event_id"], row["state"], _cell(row["reason"])] for row in failed])
        typer.echo("")
    count, examined = sum(one["count"] for one in found), sum(one["examined"] for one in found)
    more = "More than " if any(one["capped"] for one in found) else ""
    unchanged = sum(one["unchanged"] for one in found)
    changing = examined - unchanged - len(failed)
    typer.echo(
        f"{more}{_events(count)} would be applied again. Of {examined:,} examined, {changing:,} would change "
        f"something, {unchanged:,} nothing, and {len(failed):,} would not be applied. Nothing was changed."
    )


def _row(row: Mapping[str, Any]) -> list[object]:
    order = "(new)" if row["created"] else row["number"] or row["order_id"]
    return [order, row["field"], _cell(row["from"]), _cell(row["to"]), len(row["event_ids"])]


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else "-" if value is None else json.dumps(value, ensure_ascii=False)
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"


def _events(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"


@contextmanager
def _progress() -> Iterator[Say]:
    """How far it is, shown where somebody watches."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)

        def say(what: str, done: int, total: int) -> None:
            bar.update(task, description=what.capitalize(), completed=done, total=max(total, done))

        yield say
