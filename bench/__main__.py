"""`python -m bench [--rounds 5] [--events 1000000] [--quick]`: measure and print the table.

`--screens` prints another one: lists and screens over a million orders.

All figures of a round are taken one after the other, round after round, so that a slow minute of the machine touches
each of them; a ratio is taken within its round. Medians of the rounds, with the lowest and the highest.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NoReturn

import msgspec

from bench import figures, grown_screens, growth
from bench.figures import Sizes, Whole
from bench.house import CONNECTIONS, House, house

RATE = 1_000
"""Deliveries a second of the open loop."""


class Round(msgspec.Struct, frozen=True):
    """What one round gave. Speeds a second; latencies in ms."""

    bare: float
    door: float
    whole: Whole
    batched: float
    single: float
    ack_p50: float
    ack_p99: float
    idle: float
    grown_door: float | None = None
    grown_applied: float | None = None


class Row(msgspec.Struct, frozen=True):
    """One line of the table: what is measured, what it has to reach, and how it is read from a round."""

    words: str
    least: float
    aim: float
    of: Callable[[Round], float | None]
    unit: str = ""
    smaller: bool = False
    """Whether less is better."""


def _ratio(value: float | None, to: float) -> float | None:
    return None if value is None else value / to


ROWS: Sequence[Row] = (
    Row("verified + stored + signalled, ratio to bare aiohttp, no worker", 0.35, 0.50, lambda r: r.door / r.bare),
    Row("applied end to end, ratio to bare aiohttp", 0.12, 0.25, lambda r: r.whole.applied / r.bare),
    Row("one worker, multiple of one event a transaction", 5, 8, lambda r: r.batched / r.single),
    Row("CPU seconds per 10,000 events, everything", 6, 3, lambda r: r.whole.cpu_s, " s", smaller=True),
    Row("ack p99 at 1,000/s open loop", 10, 4, lambda r: r.ack_p99, " ms", smaller=True),
    Row("idle: received to applied, p50", 25, 12, lambda r: r.idle, " ms", smaller=True),
    Row(
        "ingest with a grown inbox, ratio to an empty one", 0.8, 0.95, lambda r: r.grown_door and r.grown_door / r.door
    ),
    Row("resident memory, receiver and worker", 250, 130, lambda r: r.whole.memory_mb, " MB", smaller=True),
)
ASIDE: Sequence[tuple[str, Callable[[Round], float | None]]] = (
    ("bare aiohttp, requests/s", lambda r: r.bare),
    ("verified + stored + signalled, events/s", lambda r: r.door),
    ("applied end to end, events/s", lambda r: r.whole.applied),
    ("one worker out of a full inbox, events/s", lambda r: r.batched),
    ("the same, one event a transaction, events/s", lambda r: r.single),
    ("ack p50 at 1,000/s open loop, ms", lambda r: r.ack_p50),
    ("CPU of the receiver, us an event", lambda r: r.whole.receiver_us),
    ("CPU of the worker, us an event", lambda r: r.whole.worker_us),
    ("CPU of PostgreSQL, us an event", lambda r: r.whole.postgres_us),
    ("CPU of Valkey, us an event", lambda r: r.whole.valkey_us),
    ("write-ahead log, bytes an event", lambda r: r.whole.wal_bytes),
    ("tables and indexes, bytes an event", lambda r: r.whole.table_bytes),
    ("applied end to end with grown tables, ratio to empty ones", lambda r: _ratio(r.grown_applied, r.whole.applied)),
)


async def measure(it: House, sizes: Sizes, number: int, grown: str | None) -> Round:
    """One round: each figure on tables as after the first start, save the grown ones."""
    tag = f"r{number}"
    bare = await figures.bare(it, sizes.bare, tag)
    await it.empty()
    door = await figures.door(it, sizes.door, f"{tag}d")
    grown_door = await figures.door(it, sizes.door, f"{tag}d", grown) if grown else None
    await it.empty()
    whole = await figures.whole(it, sizes.whole, f"{tag}w")
    if grown:
        await it.give_up(grown)
    grown_applied = (await figures.whole(it, sizes.whole, f"{tag}w", grown)).applied if grown else None
    await it.empty()
    batched = await figures.applied(it, sizes.batched, f"{tag}b", batch=None)
    await it.empty()
    single = await figures.applied(it, sizes.single, f"{tag}s", batch=1)
    await it.empty()
    ack_p50, ack_p99 = await figures.paced(it, sizes.paced_s, RATE, f"{tag}p")
    idle = await figures.idle(it, sizes.idle, f"{tag}i")
    return Round(bare, door, whole, batched, single, ack_p50, ack_p99, idle, grown_door, grown_applied)


async def run(rounds: int, events: int, sizes: Sizes) -> list[Round]:
    say(f"Setting up PostgreSQL and Valkey in {tempfile.gettempdir()} ...")
    async with house() as it:
        grown = None
        if events:
            say(f"Making {events:,} events and {events * 3 // 10:,} orders that are already there ...")
            grown = await growth.make(it, events)
        say("Warming up ...")
        await figures.whole(it, sizes.door // 5, "warm")
        found = []
        for number in range(1, rounds + 1):
            began = time.monotonic()
            try:
                found.append(await measure(it, sizes, number, grown))
            except Exception as error:  # noqa: BLE001  (what was measured before is worth its minutes)
                say(f"Round {number} failed, and no more are made: {type(error).__name__}: {error}")
                break
            say(f"Round {number} of {rounds}: {time.monotonic() - began:.0f} s")
        return found


def table(rounds: Sequence[Round]) -> str:
    """The table in Markdown."""
    lines = ["| figure | median | lowest to highest | at least | aim | |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    for row in ROWS:
        found = [value for value in map(row.of, rounds) if value is not None]
        if found:
            middle = median(found)
            verdict = (
                "aim" if _reaches(row, middle, row.aim) else "ok" if _reaches(row, middle, row.least) else "MISSED"
            )
            spread = f"{_number(min(found))} to {_number(max(found))}"
            limits = f"{_number(row.least)}{row.unit} | {_number(row.aim)}{row.unit}"
            lines.append(f"| {row.words} | {_number(middle)}{row.unit} | {spread} | {limits} | {verdict} |")
    lines += ["", "| beside it | median | lowest to highest |", "| --- | ---: | ---: |"]
    for words, of in ASIDE:
        found = [value for value in map(of, rounds) if value is not None]
        if found:
            lines.append(f"| {words} | {_number(median(found))} | {_number(min(found))} to {_number(max(found))} |")
    return "\n".join(lines)


def _reaches(row: Row, value: float, limit: float) -> bool:
    return value <= limit if row.smaller else value >= limit


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def machine() -> str:
    """Where this ran, for the table's caption."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "unknown")
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores ({model}), Python {sys.version.split()[0]}, load {load:.1f} at the start"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def screens(orders: int, only: str) -> NoReturn:
    """Exits 1 where an answer took too long, or read too much."""
    caption = machine()
    answers = asyncio.run(grown_screens.run(orders, only))
    print(f"{caption}. {orders:,} orders, {orders * 3:,} events; at most {grown_screens.TARGET_MS} ms at the median.\n")
    print(grown_screens.table(answers))
    sys.exit(any(one.wrong for one in answers))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the grown inbox; 0 leaves it out")
    parser.add_argument("--quick", action="store_true", help="small counts: to see that it works, not to measure")
    parser.add_argument("--screens", action="store_true", help="lists and screens over a grown shop instead")
    parser.add_argument("--orders", type=int, default=1_000_000, help="orders of the grown shop")
    parser.add_argument("--only", default="", help="with --screens: only addresses that hold this")
    given = parser.parse_args()
    if given.screens:
        screens(given.orders, given.only)
    sizes = Sizes(640, 640, 640, 640, 64, 1, 32) if given.quick else Sizes()
    caption = machine()
    rounds = asyncio.run(run(given.rounds, given.events, sizes))
    print(f"{caption}. {len(rounds)} rounds, {CONNECTIONS} connections, {given.events:,} events in the grown inbox.")
    print()
    print(table(rounds))
    sys.exit(len(rounds) < given.rounds)


if __name__ == "__main__":
    main()
