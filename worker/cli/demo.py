"""`daybook demo`: a shop's day on a running instance, and whether all is true at its end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.app import app
from worker.cli.instance import Instance, TokenOption, UrlOption, find
from worker.cli.run import DataOption
from worker.errors import UserError

if TYPE_CHECKING:
    from worker.demo.truth import Verdict

SHOWN = 20
"""Orders that are named where they are not what they should be."""


@app.command()
def demo(
    orders: Annotated[int, typer.Option(min=1, max=2000, help="Checkouts to open; shops sell half as many.")] = 34,
    seed: Annotated[int, typer.Option(min=0, help="The same seed plays the same day.")] = 1,
    wait: Annotated[float, typer.Option(min=1, max=3600, help="Seconds that what is under way gets to end.")] = 60,
    url: UrlOption = None,
    token: TokenOption = None,
    stand_in: Annotated[
        str | None,
        typer.Option(
            help="Where the stand-in Stripe answers. [dim]else the one beside the instance[/]", show_default=False
        ),
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SECRET",
            help="Secret of a connection, shopify or woocommerce. [dim]else as `daybook send` finds it[/]",
            show_default=False,
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Play a shop's day on a running instance, and check what should be true at its end.

    Stripe is played by the stand-in, never by Stripe: no money moves. It may be run again and again; its orders stay.
    Exits 1 if anything is not as it should be.
    """
    instance = find(data, url, token)
    stripe = _stand_in(stand_in, url, data)
    verdict = asyncio.run(_demo(instance, stripe, _secrets(secret or [], data), (seed, orders, wait)))
    _show(verdict)
    if not verdict.ok:
        sys.exit(1)


async def _demo(instance: Instance, stripe: str, secrets: dict[str, str], options: tuple[int, int, float]) -> Verdict:
    from worker.demo import checkouts, parts, recurring, shops, truth
    from worker.demo.day import Day
    from worker.demo.doors import opened

    seed, orders, wait = options
    with _progress(orders) as (say, step):
        say(f"A shop's day on {instance.url}, seed {seed}. Stripe is played by {stripe}: no money moves")
        async with opened(instance, stripe, secrets) as doors:
            before = len((await doors.script("/webhooks"))["sent"])
            day = Day(doors, seed, orders, say, step)
            await day.open_shop()
            for part in (parts, checkouts, shops, recurring):
                await part.play(day)
            say("Waiting until everything has been applied")
            return await truth.judged(day, before, wait)


def _show(verdict: Verdict) -> None:
    from worker.cli.table import show

    typer.echo("")
    show(
        ("what should be true", "should be", "the API says", "ok"),
        [(row.what, row.should, row.says, "ok" if row.ok else "NO") for row in verdict.rows],
    )
    for told in verdict.differences[:SHOWN]:
        typer.secho(told, fg=typer.colors.RED)
    if len(verdict.differences) > SHOWN:
        typer.echo(f"... and {len(verdict.differences) - SHOWN} more.")
    wrong = sum(not row.ok for row in verdict.rows)
    if verdict.ok:
        typer.echo(f"All {len(verdict.rows)} are true.")
    else:
        told = f"{len(verdict.differences)} orders are not as they should be"
        typer.echo(f"{wrong} of {len(verdict.rows)} are not true, {told}.")


def _stand_in(given: str | None, url: str | None, data: Path | None) -> str:
    from worker.config import load
    from worker.local.datadir import DataDir

    if given:
        if not given.startswith(("http://", "https://")):
            raise UserError(f"{given} is not an address.", remedy="Give it as http://host:port.")
        return given.rstrip("/")
    directory = DataDir.find(load(**({"data": data} if data else {})).data)
    found = None if url else directory.read_json(directory.servers).get("stripe_stand_in")
    if found:
        return str(found)
    raise UserError(
        "No stand-in Stripe plays for this instance, and the demo never asks the real one.",
        remedy="Start `daybook up` without STRIPE_API_KEY, or name the stand-in of the instance with --stand-in.",
    )


def _secrets(given: list[str], data: Path | None) -> dict[str, str]:
    from worker.cli.send import secret_of
    from worker.demo.doors import SHOPS

    named = dict(one.partition("=")[::2] for one in given)
    if unknown := sorted(set(named) - set(SHOPS)):
        raise UserError(f"--secret names {unknown[0]}.", remedy=f"Give it as {SHOPS[0]}=SECRET or {SHOPS[1]}=SECRET.")
    return {name: secret_of(name, named.get(name), data) for name in SHOPS}


@contextmanager
def _progress(orders: int) -> Iterator[tuple[Callable[[str], None], Callable[[], None]]]:
    """How a line is said and a step is counted: with a bar where somebody watches, else plainly."""
    if not sys.stdout.isatty():
        yield lambda line: typer.echo(f"{line}."), lambda: None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("A shop's day", total=orders * 5 // 2 + 30)

        def say(line: str) -> None:
            bar.console.print(f"{line}.", markup=False, highlight=False, soft_wrap=True)

        yield say, lambda: bar.advance(task)
